import type { Node } from 'node-red';
import type { FlowListener } from '../mqtt-connection/flow-events.ts';
import { hearingNodes } from './hearing-nodes.ts';

/** The ids of the nodes that each output is wired to, as Node-RED keeps them at the node. */
interface Wired extends Node {
  readonly wires?: readonly (readonly string[])[];
  /** Of a link node: those at the other ends. */
  readonly links?: unknown;
}

/** Nodes of a flow that are looked at: one that is larger is not followed to its end. */
const MOST_NODES = 1000;

/**
 * The nodes that an mqtt-in is wired to. Node-RED hands a message to them in a later turn than it takes it, and a deploy
 * that closes the mqtt-in may close them too, or leave them: then they get it all the same.
 */
export class NodesBehind implements Partial<FlowListener> {
  readonly #node: Wired;
  readonly #find: (id: string) => unknown;
  /** Who they were when a deploy began, by id; null: a node that is disabled. */
  #before: ReadonlyMap<string, unknown> | undefined;
  /** The same of all that a message may reach from there. */
  #reached: ReadonlyMap<string, unknown> | undefined;

  /** @param find the node of an id that runs now, as `RED.nodes.getNode`. */
  constructor(node: Node, find: (id: string) => unknown) {
    this.#node = node;
    this.#find = find;
  }

  stopping(): void {
    const ids = (this.#node.wires ?? []).flat();
    this.#before = new Map(ids.map((id) => [id, this.#running(id)]));
    this.#reached = this.#reach(ids);
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
      if (Array.isArray(node.links)) open.push(...node.links.filter((link) => typeof link === 'string'));
    }
    return reached;
  }

  #running(id: string): unknown {
    return this.#find(id) ?? null;
  }
}
