import { RecentMap } from './recent-map.ts';

/** Steps to the next one that is there, beyond those that are there: then it is looked for among them. */
const MOST_STEPS = 64;

/**
 * Things by whole numbers from 0 on, which rise as they come, and in that order; any of them may go at any time. A `Set`
 * of what comes and goes keeps garbage alive, see {@link RecentMap}.
 */
export class InOrder<T> {
  readonly #items = new RecentMap<T>();
  /** None is below. */
  #from = 0;

  get size(): number {
    return this.#items.size;
  }

  has(number: number): boolean {
    return this.#items.has(number);
  }

  set(number: number, item: T): void {
    if (this.#items.size === 0 || number < this.#from) this.#from = number;
    this.#items.set(number, item);
  }

  delete(number: number): boolean {
    return this.#items.delete(number);
  }

  clear(): void {
    this.#items.clear();
  }

  get first(): T | undefined {
    if (this.#items.size === 0) return undefined;
    const most = this.#from + this.#items.size + MOST_STEPS;
    while (this.#from < most && !this.#items.has(this.#from)) this.#from += 1;
    if (this.#from === most) this.#from = this.#items.keys().reduce((least, number) => Math.min(least, number));
    return this.#items.get(this.#from);
  }

  /** In order. What goes meanwhile is left out, and so is what comes. */
  *[Symbol.iterator](): Generator<T> {
    for (const number of this.#items.keys().sort((a, b) => a - b)) {
      const item = this.#items.get(number);
      if (item !== undefined) yield item;
    }
  }
}
