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
  readonly #nodes = new Map<string, Node>();
  readonly #live = new Map<string, LiveConnection>();

  add(node: Node, connection: SharedConnection): void {
    const { _alias: nodeId = node.id } = node as { readonly _alias?: string };
    this.#nodes.set(node.id, node);
    this.#live.set(node.id, { id: node.id, nodeId, connection });
  }

  /** The node is closed. Another object of it may have taken its place. */
  remove(node: Node): void {
    if (this.#nodes.get(node.id) !== node) return;
    this.#nodes.delete(node.id);
    this.#live.delete(node.id);
  }

  find(id: string): LiveConnection | undefined {
    return this.#live.get(id);
  }

  get all(): readonly LiveConnection[] {
    return [...this.#live.values()];
  }
}

/** Those of this process. */
export const liveConnections = new LiveConnections();
