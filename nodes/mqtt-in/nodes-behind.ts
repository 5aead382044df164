import type { Node } from 'node-red';
import type { FlowListener } from '../mqtt-connection/flow-events.ts';

/** The ids of the nodes that each output is wired to, as Node-RED keeps them at the node. */
interface Wired extends Node {
  readonly wires?: readonly (readonly string[])[];
}

/**
 * The nodes that an mqtt-in is wired to. Node-RED hands a message to them in a later turn than it takes it, and a deploy
 * that closes the mqtt-in may close them too, or leave them: then they get it all the same.
 */
export class NodesBehind implements Partial<FlowListener> {
  readonly #node: Wired;
  readonly #find: (id: string) => unknown;
  /** Who they were when a deploy began, by id; null: a node that is disabled. */
  #before: ReadonlyMap<string, unknown> | undefined;

  /** @param find the node of an id that runs now, as `RED.nodes.getNode`. */
  constructor(node: Node, find: (id: string) => unknown) {
    this.#node = node;
    this.#find = find;
  }

  stopping(): void {
    const ids = (this.#node.wires ?? []).flat();
    this.#before = new Map(ids.map((id) => [id, this.#running(id)]));
  }

  started(): void {
    this.#before = undefined;
  }

  unstarted(): void {
    this.#before = undefined;
  }

  /** Whether the deploy leaves them all as they are: known when Node-RED has closed its nodes, which it does in one turn. */
  get stay(): boolean {
    return this.#before !== undefined && [...this.#before].every(([id, node]) => this.#running(id) === node);
  }

  #running(id: string): unknown {
    return this.#find(id) ?? null;
  }
}
