import type { Node, NodeAPI } from 'node-red';
import type { FlowListener } from '../mqtt-connection/flow-events.ts';
import { hearingNodes } from './hearing-nodes.ts';

/** The ids of the nodes that each output is wired to, as Node-RED keeps them at the node. */
interface Wired extends Node {
  readonly wires?: readonly (readonly string[])[];
  /** Of a link node: those at the other ends. */
  readonly links?: unknown;
}

/** What the flows say of a Link Call node. */
interface LinkCall {
  readonly id: string;
  readonly linkType?: unknown;
  readonly links?: unknown;
}

/** The nodes that run, and what the flows say of them. */
type Nodes = Pick<NodeAPI['nodes'], 'getNode' | 'eachNode'>;

/** Node-RED keeps where a Link Call node leads in the flows alone: they are gone through once for all who ask in a turn. */
class LinkCalls {
  #byId: ReadonlyMap<string, LinkCall> | undefined;

  /** Where a message says where it leads, nobody knows. */
  of(id: string, nodes: Nodes): { readonly links?: unknown } {
    const call = (this.#byId ??= this.#all(nodes)).get(id);
    return call === undefined || call.linkType === 'dynamic' ? {} : call;
  }

  #all({ eachNode }: Nodes): ReadonlyMap<string, LinkCall> {
    queueMicrotask(() => (this.#byId = undefined));
    const byId = new Map<string, LinkCall>();
    eachNode((def) => {
      if (def.type === 'link call') byId.set(def.id, def);
    });
    return byId;
  }
}

const linkCalls = new LinkCalls();

/** Nodes of a flow that are looked at: one that is larger is not followed to its end. */
const MOST_NODES = 1000;

/**
 * The nodes that an mqtt-in is wired to. Node-RED hands a message to them in a later turn than it takes it, and a deploy
 * that closes the mqtt-in may close them too, or leave them: then they get it all the same.
 */
export class NodesBehind implements Partial<FlowListener> {
  readonly #node: Wired;
  readonly #nodes: Nodes;
  readonly #follows: boolean;
  /** Who they were when a deploy began, by id; null: a node that is disabled. */
  #before: ReadonlyMap<string, unknown> | undefined;
  /** The same of all that a message may reach from there. */
  #reached: ReadonlyMap<string, unknown> | undefined;

  /** @param follows whether it is asked for all that a message may reach. */
  constructor(node: Node, nodes: Nodes, follows: boolean) {
    this.#node = node;
    this.#nodes = nodes;
    this.#follows = follows;
  }

  stopping(): void {
    const ids = (this.#node.wires ?? []).flat();
    this.#before = new Map(ids.map((id) => [id, this.#running(id)]));
    if (this.#follows) this.#reached = this.#reach(ids);
  }

  started(): void {
    this.#before = undefined;
    this.#reached = undefined;
  }

  unstarted(): void {
    this.started();
  }

  /** Whether the deploy leaves them all as they are: known when Node-RED has closed its nodes, which it does in one turn. */
  get stay(): boolean {
    return this.#before !== undefined && [...this.#before].every(([id, node]) => this.#running(id) === node);
  }

  /** The same of all nodes that a message may have reached from there. False too where no deploy is under way. */
  get allStay(): boolean {
    return this.#reached !== undefined && [...this.#reached].every(([id, node]) => this.#running(id) === node);
  }

  /** Not what hears the mqtt-in itself: what it tells, such as that a message is late, leaves that in the flow. */
  #reach(from: readonly string[]): ReadonlyMap<string, unknown> {
    const reached = new Map<string, unknown>();
    const open = [...from];
    for (let id = open.pop(); id !== undefined && reached.size < MOST_NODES; id = open.pop()) {
      if (reached.has(id)) continue;
      const node = this.#running(id) as Wired | null;
      reached.set(id, node);
      if (node === null) continue;
      open.push(...(node.wires ?? []).flat(), ...hearingNodes(node));
      open.push(...linksOf(node.type === 'link call' ? linkCalls.of(id, this.#nodes) : node));
    }
    return reached;
  }

  #running(id: string): unknown {
    return this.#nodes.getNode(id) ?? null;
  }
}

function linksOf({ links }: { readonly links?: unknown }): readonly string[] {
  const all: readonly unknown[] = Array.isArray(links) ? links : [links];
  return all.filter((link) => typeof link === 'string');
}
