import type { TopicFilter } from '../protocol/topic.ts';
import type { StoredWish } from './session-store.ts';

/** Wishes by who has them. */
export class WishRecords {
  readonly #byRef = new Map<string, Map<TopicFilter, StoredWish>>();

  get all(): StoredWish[] {
    return [...this.#byRef.values()].flatMap((own) => [...own.values()]);
  }

  of(ref: string): StoredWish[] {
    return [...(this.#byRef.get(ref)?.values() ?? [])];
  }

  save(wish: StoredWish): void {
    const own = this.#byRef.get(wish.ref) ?? new Map<TopicFilter, StoredWish>();
    this.#byRef.set(wish.ref, own.set(wish.filter, wish));
  }

  /** @returns the wishes that are over by that. */
  remove(ref: string, filter?: TopicFilter): StoredWish[] {
    const over = this.of(ref).filter((wish) => filter === undefined || wish.filter === filter);
    const own = this.#byRef.get(ref);
    for (const wish of over) own?.delete(wish.filter);
    if (own?.size === 0) this.#byRef.delete(ref);
    return over;
  }

  clear(): void {
    this.#byRef.clear();
  }
}
