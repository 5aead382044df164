import type { Clock, Timer } from '../util/clock.ts';

/** Milliseconds that a deploy may take: Node-RED gives each node 15 s to close. */
const LONGEST_DEPLOY = 30_000;

/**
 * A deploy, from the first receiver that goes to the last that is there. What is subscribed meanwhile counts from its
 * end: a receiver made by a deploy would pass its messages on to others that do not exist yet.
 */
export class Deploy {
  readonly #clock: Clock;
  readonly #ended: () => void;
  readonly #waiting = new Set<() => void>();
  #timer: Timer | undefined;

  /** @param ended called when a deploy did not end in time. */
  constructor(clock: Clock, ended: () => void) {
    this.#clock = clock;
    this.#ended = ended;
  }

  /** Begins, unless one is under way. */
  begin(): void {
    this.#timer ??= this.#clock.timer(LONGEST_DEPLOY, this.#ended);
  }

  /** Runs `subscribe` now, or at the end of the deploy that is under way; returns the function that takes it back then. */
  whenOver(subscribe: () => void): () => boolean {
    if (this.#timer === undefined) {
      subscribe();
      return () => false;
    }
    this.#waiting.add(subscribe);
    return () => this.#waiting.delete(subscribe);
  }

  /** It will not end any more: nothing that it wanted is subscribed. */
  abandon(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting.clear();
  }

  /** All that was subscribed meanwhile counts from now on. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const subscribe of waiting) subscribe();
  }
}
