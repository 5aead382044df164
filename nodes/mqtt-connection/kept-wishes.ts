import { MemoryStore, type SessionStore, type StoredWish, type TopicFilter } from '../../src/index.ts';
import { joinWishes } from './join-sessions.ts';

/**
 * What of the wishes of a connection its session keeps: those of subscribers who are told by messages what they want, and
 * would not know it when they are made anew. A clean session keeps none.
 */
export class KeptWishes {
  /** One that stands in until the session is known: what is over by then is over in the session too. */
  #store: SessionStore = new MemoryStore({ isKept: false });
  #isKnown = false;
  #isKept = false;

  /** From here on the session is in `store`, and perhaps another one. @param isKept false: it is a clean one. */
  serveBy(store: SessionStore, isKept: boolean): void {
    if (!this.#isKnown) joinWishes(store, { wishes: [] }, this.#store.load());
    this.#isKnown = true;
    this.#store = store;
    this.#isKept = isKept;
    if (!isKept) this.prune(() => false);
  }

  of(ref: string): readonly StoredWish[] {
    return this.#isKept ? this.#store.wishesOf(ref) : [];
  }

  save(wish: StoredWish): void {
    if (this.#isKept) this.#store.saveWish(wish);
  }

  /** Without `filter` all that the subscriber wants. */
  remove(ref: string, filter?: TopicFilter): void {
    this.#store.removeWish(ref, filter);
  }

  /** Removes what those want who are not there, and will not be. */
  prune(isThere: (ref: string) => boolean): void {
    const refs = new Set(this.#store.wishesOf().map(({ ref }) => ref));
    for (const ref of refs) if (!isThere(ref)) this.#store.removeWish(ref);
  }
}
