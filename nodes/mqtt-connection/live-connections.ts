import type { Node } from 'node-red';
import type { SharedConnection } from './shared-connection.ts';

/** A config node that runs. */
export interface LiveConnection {
  readonly id: string;
  /** The node in the flows: of one inside of a subflow's instance the one inside of the subflow. */
  readonly nodeId: string;
  readonly connection: SharedConnection;
}

/** The config nodes that run, those inside of subflows too. */
export class LiveConnections {
  readonly #byId = new Map<string, { readonly node: Node; readonly live: LiveConnection }>();

  add(node: Node, connection: SharedConnection): void {
    const { _alias: nodeId = node.id } = node as { readonly _alias?: string };
    this.#byId.set(node.id, { node, live: { id: node.id, nodeId, connection } });
  }

  /** The node is closed. Another object of it may have taken its place. */
  remove(node: Node): void {
    if (this.#byId.get(node.id)?.node === node) this.#byId.delete(node.id);
  }

  find(id: string): LiveConnection | undefined {
    return this.#byId.get(id)?.live;
  }

  get all(): readonly LiveConnection[] {
    return [...this.#byId.values()].map(({ live }) => live);
  }
}

/** Those of this process. */
export const liveConnections = new LiveConnections();
