/** First in, first out, with amortised constant cost at both ends (`Array.shift` moves every element). */
export class Queue<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Puts an item before all others. */
  unshift(item: T): void {
    this.#compact();
    this.#items.unshift(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.#head === this.#items.length) return undefined;
    this.#items[this.#head++] = undefined;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) this.#compact();
    return item;
  }

  /** Everything, in order; nothing is taken. It may grow meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (let at = this.#head; at < this.#items.length; at++) yield this.#items[at] as T;
  }

  /** Removes and returns everything, in order. */
  drain(): T[] {
    this.#compact();
    const items = this.#items as T[];
    this.#items = [];
    return items;
  }

  /** The items that `keep` accepts, in order; nothing is taken. */
  filter(keep: (item: T) => boolean): T[] {
    return (this.#items.slice(this.#head) as T[]).filter(keep);
  }

  /** Keeps what `keep` accepts, in order, and returns the rest, in order. */
  partition(keep: (item: T) => boolean): T[] {
    const removed: T[] = [];
    for (const item of this.drain()) {
      if (keep(item)) this.#items.push(item);
      else removed.push(item);
    }
    return removed;
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
