import type { Incoming } from '../session/incoming.ts';
import type { Clock } from '../util/clock.ts';

export interface HandOverHandlers {
  /** Messages can be acknowledged that could not before. */
  done(): void;
  /** A receiver threw. */
  failed(error: unknown): void;
}

/**
 * Tells the session when those who were handed a message have it, and when it may offer what waits. Node-RED hands a
 * message from node to node in a later turn: acknowledged at once, it would be lost by a deploy that closes the next node
 * in between. What is queued behind the hand-over with `afterIo` runs when the next node has the message.
 */
export class HandOver {
  readonly #clock: Clock;
  readonly #incoming: Incoming;
  readonly #handlers: HandOverHandlers;
  #marked = 0;
  #offering = false;

  constructor(clock: Clock, incoming: Incoming, handlers: HandOverHandlers) {
    this.#clock = clock;
    this.#incoming = incoming;
    this.#handlers = handlers;
  }

  /** What was handed out so far is handed over behind this turn. */
  mark(): void {
    const upTo = this.#incoming.handed;
    if (upTo === this.#marked) return;
    this.#marked = upTo;
    this.#clock.afterIo(() => this.#run(() => this.#incoming.handedOver(upTo, this.#clock.now())));
  }

  /** There are new receivers; in a later turn, when all that are subscribed in this one are there. */
  offer(): void {
    if (this.#offering || !this.#incoming.mayWait) return;
    this.#offering = true;
    this.#clock.afterIo(() => this.offerPending());
  }

  /** Whether what waits is about to be offered: what came later must not be handed out before. */
  get offering(): boolean {
    return this.#offering;
  }

  /** Now: a deploy begins, and until its end nothing is offered, while what comes later goes to those who are there. */
  offerPending(): void {
    if (!this.#offering) return;
    this.#offering = false;
    this.#run(() => this.#incoming.offer(this.#clock.now()));
  }

  /** All receivers of a deploy are there. */
  deployed(): void {
    this.#run(() => this.#incoming.deployed(this.#clock.now()));
  }

  /** What was handed out meanwhile has a turn of its own. */
  #run(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#handlers.failed(error);
      // Whoever threw has the message; the others have not been asked yet.
      this.offer();
    }
    this.mark();
    this.#handlers.done();
  }
}
