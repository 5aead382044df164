import type { Random } from '../util/clock.ts';

/** Delays between connection attempts, all in milliseconds. */
export interface BackoffOptions {
  /** Upper bound of the first delay. Default 1,000. */
  readonly initial: number;
  /** No delay is longer. Default 30,000. */
  readonly maximum: number;
  /** A connection that held this long starts the delays anew. Default 10,000. */
  readonly stableAfter: number;
}

/**
 * Exponential backoff with full jitter: a random delay up to a bound that doubles, so that clients which
 * lost one broker together do not come back together.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: Random;
  /** Attempts that failed since the last stable connection. */
  #failures = 0;

  constructor(options: BackoffOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  /** The delay before the next attempt. A failure that only a person can mend waits between half the maximum and all. */
  next(retryable: boolean): number {
    const { initial, maximum } = this.#options;
    const bound = Math.min(maximum, initial * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return retryable ? this.#random() * bound : maximum * (0.5 + this.#random() * 0.5);
  }

  /** A connection ended that had been up for `milliseconds`; true: long enough for the delays to begin anew. */
  held(milliseconds: number): boolean {
    const stable = milliseconds >= this.#options.stableAfter;
    if (stable) this.#failures = 0;
    return stable;
  }
}
