import { within } from './events.ts';

interface Taker<T> {
  readonly resolve: (item: T) => void;
  readonly reject: (reason: Error) => void;
}

/** Items in the order in which they came, each taken once; who takes from an empty inbox waits for the next item. */
export class Inbox<T> {
  readonly #items: T[] = [];
  readonly #takers: Taker<T>[] = [];
  #taken = 0;
  #end: Error | undefined;

  /** How many items nobody has taken yet. */
  get size(): number {
    return this.#items.length - this.#taken;
  }

  put(item: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#items.push(item);
    } else {
      taker.resolve(item);
    }
  }

  /** No more items will come: once those that are here are taken, every wait rejects with `reason`. The first end counts. */
  end(reason: Error): void {
    this.#end ??= reason;
    for (const taker of this.#takers.splice(0)) {
      taker.reject(this.#end);
    }
  }

  /** The oldest item that is here, if any, without waiting. */
  takeNow(): T | undefined {
    if (this.size === 0) {
      return undefined;
    }
    const item = this.#items[this.#taken];
    this.#taken += 1;
    this.#forgetTaken();
    return item;
  }

  /**
   * The oldest item, or the next one that comes.
   *
   * @throws Error naming `what` where none comes in time, or the reason of {@link Inbox.end}.
   */
  async take(what: string | (() => string), timeoutMs?: number): Promise<T> {
    if (this.size > 0) {
      return this.takeNow() as T;
    }
    if (this.#end !== undefined) {
      throw this.#end;
    }
    return this.#next(what, timeoutMs);
  }

  async #next(what: string | (() => string), timeoutMs?: number): Promise<T> {
    let taker: Taker<T> | undefined;
    const item = new Promise<T>((resolve, reject) => {
      taker = { resolve, reject };
      this.#takers.push(taker);
    });
    try {
      return await within(item, what, timeoutMs);
    } finally {
      this.#withdraw(taker);
    }
  }

  #withdraw(taker: Taker<T> | undefined): void {
    const index = this.#takers.findIndex((other) => other === taker);
    if (index >= 0) {
      this.#takers.splice(index, 1);
    }
  }

  // Moving the rest down at every take would make a long inbox slow; at every 1,024th it costs nothing.
  #forgetTaken(): void {
    if (this.#taken === this.#items.length || this.#taken >= 1024) {
      this.#items.splice(0, this.#taken);
      this.#taken = 0;
    }
  }
}
