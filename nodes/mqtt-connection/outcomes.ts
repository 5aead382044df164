import type { Node, NodeAPI, NodeMessage } from 'node-red';
import { textOf } from '../../src/index.ts';
import { type FlowListener, onFlows } from './flow-events.ts';
import { Spread } from './spread.ts';

/** What Node-RED's `done` calls; it has no public name. */
type Complete = (this: Node, msg: NodeMessage, error?: unknown) => void;

/** A node that is told the outcomes of its messages, and what finds the node of an id that runs now. */
interface Told {
  readonly node: Node;
  readonly find: (id: string) => unknown;
}

/**
 * Tells the flows what became of the messages of a node, also across a deploy: `done` of a node that a deploy closed
 * reaches the flow of before, whose Complete and Catch nodes are gone. The node that took its place tells it instead, and
 * what is done while a deploy is under way is told when its nodes are there.
 */
export class Outcomes implements Partial<FlowListener> {
  readonly #open = new WeakSet<Node>();
  readonly #done = new Spread((error) => this.#log(`MQTT: a message that is done could not be told: ${textOf(error)}`));
  #log: (text: string) => void = () => undefined;
  #heard = false;

  /** Hears of the deploys of this runtime. */
  listen(RED: NodeAPI): void {
    this.#log = (text) => RED.log.error(text);
    onFlows(RED.events, this);
  }

  stopping(): void {
    this.#done.hold();
  }

  started(): void {
    this.#done.go();
  }

  unstarted(): void {
    this.#done.go();
  }

  /**
   * From now on the outcomes of `node` are told here. Nothing is made for each message: `done` calls a method of the node.
   * @param find the node of an id that runs now, as `RED.nodes.getNode`.
   * @returns what is to be called when the node is closed.
   */
  open(node: Node, find: (id: string) => unknown): () => void {
    const told = { node, find };
    this.#open.add(node);
    Object.defineProperty(node, '_complete', {
      value: (msg: NodeMessage, error?: unknown) => this.#outcome(told, msg, error),
      configurable: true,
      writable: true,
    });
    return () => void this.#open.delete(node);
  }

  /** Whether a node that is there heard what `tell` tells. */
  heard(tell: () => void): boolean {
    this.#heard = false;
    tell();
    return this.#heard;
  }

  /** A failure is written to the log at once. */
  #outcome(told: Told, msg: NodeMessage, error: unknown): void {
    if (error || !this.#done.busy) this.#tell(told, msg, error);
    else this.#done.add(() => this.#tell(told, msg, error));
  }

  #tell({ node, find }: Told, msg: NodeMessage, error: unknown): void {
    const present = this.#open.has(node) ? node : this.#successor(node, find);
    this.#heard = present !== undefined;
    const teller = present ?? node;
    (Object.getPrototypeOf(teller) as { _complete: Complete })._complete.call(teller, msg, error);
  }

  /** The node that has its id now, if it is one that tells its outcomes here. */
  #successor({ id }: Node, find: (id: string) => unknown): Node | undefined {
    const found = find(id) as Node | null | undefined;
    return found !== null && found !== undefined && this.#open.has(found) ? found : undefined;
  }
}

export const outcomes = new Outcomes();
