/** Calls in one turn of the event loop at most: each may start whole flows. */
const CALLS_PER_TURN = 200;

/** Makes calls in the order in which they were given, some in each turn of the event loop, so that many do not block it. */
export class Spread {
  readonly #failed: (error: unknown) => void;
  #calls: (() => void)[] = [];
  #waiting: (() => void)[] = [];
  #next = 0;
  #scheduled = false;

  /** @param failed told what a call throws. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  add(call: () => void): void {
    this.#calls.push(call);
    this.#schedule();
  }

  /** Resolves when everything that was given has been called. */
  idle(): Promise<void> {
    if (this.#calls.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    const end = Math.min(this.#calls.length, this.#next + CALLS_PER_TURN);
    while (this.#next < end) this.#call(this.#calls[this.#next++]);
    if (this.#next < this.#calls.length) return this.#schedule();
    this.#calls = [];
    this.#next = 0;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #call(call: (() => void) | undefined): void {
    try {
      call?.();
    } catch (error) {
      this.#failed(error);
    }
  }
}
