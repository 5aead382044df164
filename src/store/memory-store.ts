import type { PacketId } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';
import { RecentMap } from '../util/recent-map.ts';
import { EndedWishes } from './ended-wishes.ts';
import {
  atOnce,
  type Durable,
  type Failing,
  type SessionIdentity,
  type SessionStore,
  type StoredMessage,
  type StoredReceived,
  type StoredSession,
  type StoredSubscription,
  type StoredWish,
} from './session-store.ts';
import { WishRecords } from './wish-records.ts';

/** Keeps a session for as long as the process lives: across reconnects, redeploys and new clients. */
export class MemoryStore implements SessionStore {
  /** Whether what it has outlives what it is to outlive. */
  readonly #isKept: boolean;
  #identity: SessionIdentity | undefined;
  readonly #outgoing = new RecentMap<StoredMessage>();
  readonly #received = new Map<PacketId, StoredReceived>();
  readonly #subscriptions = new Map<TopicFilter, StoredSubscription>();
  readonly #wishes = new WishRecords();
  /** undefined: there is no other store that could have what is over. */
  readonly #ended: EndedWishes | undefined;

  /** `isKept` false: it stands in for a disk that cannot be used, so that nothing in it is durable. Default true. */
  constructor({ isKept = true }: { readonly isKept?: boolean } = {}) {
    this.#isKept = isKept;
    this.#ended = isKept ? undefined : new EndedWishes();
  }

  load(): StoredSession {
    const outgoing = this.#bySequence().map((record) => ({ ...record }));
    return {
      identity: this.#identity,
      outgoing,
      received: [...this.#received.values()],
      subscriptions: [...this.#subscriptions.values()],
      wishes: this.#wishes.all,
      ...(this.#ended !== undefined && { ended: this.#ended.all }),
    };
  }

  saveIdentity(identity: SessionIdentity): void {
    this.#identity = identity;
  }

  put(message: StoredMessage): void {
    this.#outgoing.set(message.sequence, message);
  }

  /** The record is the session's own object. */
  advance(message: StoredMessage): void {
    this.#outgoing.set(message.sequence, message);
  }

  remove(sequence: number): void {
    this.#outgoing.delete(sequence);
  }

  saveReceived(received: StoredReceived): void {
    this.#received.set(received.packetId, received);
  }

  removeReceived(packetId: PacketId): void {
    this.#received.delete(packetId);
  }

  saveSubscription(subscription: StoredSubscription): void {
    this.#subscriptions.set(subscription.filter, subscription);
  }

  removeSubscription(filter: TopicFilter): void {
    this.#subscriptions.delete(filter);
  }

  wishesOf(ref?: string): readonly StoredWish[] {
    return ref === undefined ? this.#wishes.all : this.#wishes.of(ref);
  }

  saveWish(wish: StoredWish): void {
    this.#wishes.save(wish);
  }

  /** @returns the wishes that are over by that. */
  removeWish(ref: string, filter?: TopicFilter): readonly StoredWish[] {
    this.#ended?.add(ref, filter);
    return this.#wishes.remove(ref, filter);
  }

  get isDurable(): boolean {
    return true;
  }

  commit(durable: Durable): void {
    durable(this.#isKept);
  }

  /** The end of the store, once no client uses it: whoever waits for one of its messages is told `error`. Answers how many. */
  discard(error: Error, failing: Failing = atOnce): number {
    const waiting = this.#bySequence().filter(({ state }) => state.step !== 'abandoned');
    this.#outgoing.clear();
    this.#received.clear();
    this.#subscriptions.clear();
    this.#wishes.clear();
    tellAll(waiting, error, failing);
    return waiting.length;
  }

  #bySequence(): StoredMessage[] {
    return this.#outgoing.values().sort((a, b) => a.sequence - b.sequence);
  }
}

/** One that throws when it is told keeps nothing from the others. */
export function tellAll(waiting: readonly Pick<StoredMessage, 'settle'>[], error: Error, failing: Failing): void {
  const thrown: unknown[] = [];
  for (const { settle } of waiting) {
    try {
      failing(() => settle?.(error, 0));
    } catch (problem) {
      thrown.push(problem);
    }
  }
  if (thrown.length > 0) throw thrown[0];
}
