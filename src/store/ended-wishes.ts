import type { TopicFilter } from '../protocol/topic.ts';
import type { EndedWish } from './session-store.ts';

/** Filters of one that are remembered as over; beyond them all is that he wanted before. */
export const MOST_ENDED = 10_000;

/** Wishes that are over, of which another store may not know. */
export class EndedWishes {
  readonly #byRef = new Map<string, Set<TopicFilter> | 'all'>();

  get all(): EndedWish[] {
    return [...this.#byRef].flatMap(([ref, filters]) =>
      (filters === 'all' ? [undefined] : [...filters]).map((filter) => ({ ref, filter })),
    );
  }

  add(ref: string, filter?: TopicFilter): void {
    const filters = this.#byRef.get(ref) ?? new Set<TopicFilter>();
    if (filters === 'all') return;
    if (filter === undefined || filters.size >= MOST_ENDED) this.#byRef.set(ref, 'all');
    else this.#byRef.set(ref, filters.add(filter));
  }
}
