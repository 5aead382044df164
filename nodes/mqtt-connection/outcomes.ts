import type { Node, NodeAPI, NodeMessage } from 'node-red';
import { textOf } from '../../src/index.ts';
import { type FlowListener, LONGEST_DEPLOY, onFlows, type Stop } from './flow-events.ts';
import { Spread } from './spread.ts';

/** What Node-RED's `done` calls; it has no public name. */
type Complete = (this: Node, msg: NodeMessage, error?: unknown) => void;

/** Hears what became of a message; `error` is what is true of a failure alone. */
type Heard = (msg: NodeMessage, error: unknown) => void;

/** A node that tells the outcomes of its messages. */
interface Teller {
  readonly node: Node;
  readonly complete: Complete;
  /** The node of an id that runs now. */
  readonly find: (id: string) => unknown;
  /** Told a failure that the flow of the node cannot hear any more. */
  readonly lost: (error: unknown) => void;
  /** Hears each outcome before the flow does, while the node is there. */
  readonly heard: Heard | undefined;
  isOpen: boolean;
  /** Its flow ended with it: nobody in it hears anything. */
  isOrphan: boolean;
}

/** An outcome that waits for the end of a deploy. */
interface Held {
  readonly teller: Teller;
  readonly msg: NodeMessage;
  readonly error: unknown;
}

/**
 * Tells the flows what became of the messages of a node, also across a deploy: `done` of a node that a deploy closed
 * reaches the flow of before, whose Complete and Catch nodes are gone. The node that took its place tells it instead, when
 * all nodes of the deploy are there.
 */
export class Outcomes implements Partial<FlowListener> {
  readonly #tellers = new WeakMap<Node, Teller>();
  /** There may be very many at once. */
  readonly #behind = new Spread((error) =>
    this.#log(`MQTT: what became of a message could not be told: ${textOf(error)}`),
  );
  /** The deploy that is under way. */
  #stop: Stop | undefined;
  #held: Held[] = [];
  #log: (text: string) => void = () => undefined;
  #heard = false;
  /** Who asks tells it himself where nobody hears it. */
  #isAsked = false;
  #timer: NodeJS.Timeout | undefined;

  /** Hears of the deploys of this runtime. */
  listen(RED: NodeAPI): void {
    this.#log = (text) => RED.log.error(text);
    onFlows(RED.events, this);
  }

  stopping(stop: Stop): void {
    this.#stop = stop;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.started(), LONGEST_DEPLOY).unref();
  }

  started(): void {
    clearTimeout(this.#timer);
    this.#stop = undefined;
    for (const held of this.#held.splice(0)) this.#behind.add(() => this.#tellHeld(held));
  }

  unstarted(): void {
    this.started();
  }

  /** Nobody may come who could tell it: failures are written to the log. */
  stopped(): void {
    const failures = this.#held.filter(({ error }) => error);
    this.#held = this.#held.filter(({ error }) => !error);
    for (const { teller, error } of failures) teller.node.error(error);
  }

  /**
   * From now on the outcomes of `node` are told here. Nothing is made for each message: `done` calls a method of the node.
   * @param find the node of an id that runs now, as `RED.nodes.getNode`.
   * @param lost told a failure where the flow of the node is gone, and nobody came in its place. Default: its own `error`.
   * @param heard hears each outcome too.
   * @returns what is to be called when the node is closed.
   */
  open(
    node: Node,
    find: (id: string) => unknown,
    lost: (error: unknown) => void = (error) => node.error(error),
    heard?: Heard,
  ): () => void {
    const { _complete: complete } = Object.getPrototypeOf(node) as { _complete: Complete };
    const teller: Teller = { node, complete, find, lost, heard, isOpen: true, isOrphan: false };
    this.#tellers.set(node, teller);
    Object.defineProperty(node, '_complete', {
      value: (msg: NodeMessage, error?: unknown) => this.#outcome(teller, msg, error),
      configurable: true,
      writable: true,
    });
    return () => {
      teller.isOpen = false;
      teller.isOrphan = this.#stop?.isFull === true;
    };
  }

  /** Whether somebody who is there heard, or will hear, what `tell` tells. */
  heard(tell: () => void): boolean {
    this.#heard = false;
    this.#isAsked = true;
    try {
      tell();
    } finally {
      this.#isAsked = false;
    }
    return this.#heard;
  }

  #outcome(teller: Teller, msg: NodeMessage, error: unknown): void {
    const isHeld = !teller.isOpen && this.#stop !== undefined;
    const present = teller.isOpen ? teller : this.#successor(teller);
    this.#heard = isHeld || present !== undefined;
    if (isHeld) this.#held.push({ teller, msg, error });
    else if (present === undefined && teller.isOrphan && error) {
      if (!this.#isAsked) teller.lost(error);
    } else tellBy(present ?? teller, msg, error);
  }

  /** A failure of a node that did not come back is written to the log: the Catch nodes of before may be gone. */
  #tellHeld({ teller, msg, error }: Held): void {
    const present = this.#successor(teller);
    if (present !== undefined) tellBy(present, msg, error);
    else if (error) teller.node.error(error);
    else tellBy(teller, msg, error);
  }

  /** The node that has its id now, if it is one that tells its outcomes here. */
  #successor({ node, find }: Teller): Teller | undefined {
    const found = find(node.id) as Node | null | undefined;
    const teller = found === null || found === undefined ? undefined : this.#tellers.get(found);
    return teller?.isOpen === true ? teller : undefined;
  }
}

function tellBy({ node, complete, heard, isOpen }: Teller, msg: NodeMessage, error: unknown): void {
  if (isOpen) heard?.(msg, error);
  complete.call(node, msg, error);
}

export const outcomes = new Outcomes();
