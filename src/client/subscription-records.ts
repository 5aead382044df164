import type { TopicFilter } from '../protocol/topic.ts';
import type { SessionStore, StoredSubscription } from '../store/session-store.ts';

/** What the Server has, or may have, and has not confirmed to have forgotten, here and in the store. */
export class SubscriptionRecords {
  readonly #store: SessionStore;
  readonly #records: Map<TopicFilter, StoredSubscription>;

  constructor(store: SessionStore) {
    this.#store = store;
    this.#records = new Map(store.load().subscriptions.map((record) => [record.filter, record]));
  }

  get all(): readonly StoredSubscription[] {
    return [...this.#records.values()];
  }

  keep(record: StoredSubscription): void {
    this.#records.set(record.filter, record);
    this.#store.saveSubscription(record);
  }

  /** It was asked for, and is not known to be granted. */
  asked(record: Omit<StoredSubscription, 'unanswered'>): void {
    if (!this.#records.has(record.filter)) this.keep({ ...record, unanswered: 'subscribe' });
  }

  /** The UNSUBSCRIBE leaves. */
  leave(filter: TopicFilter): void {
    const record = this.#records.get(filter);
    if (record !== undefined) this.keep({ ...record, unanswered: 'unsubscribe' });
  }

  /** An UNSUBSCRIBE left, and was not answered. */
  isLeaving(filter: TopicFilter): boolean {
    return this.#records.get(filter)?.unanswered === 'unsubscribe';
  }

  forget(filter: TopicFilter): void {
    if (this.#records.delete(filter)) this.#store.removeSubscription(filter);
  }
}
