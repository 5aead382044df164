import type { PacketId } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';
import type { SessionStore, StoredMessage, StoredSession, StoredSubscription } from './session-store.ts';

/** Keeps a session for as long as the process lives: across reconnects, redeploys and new clients. */
export class MemoryStore implements SessionStore {
  readonly #outgoing = new Map<number, StoredMessage>();
  readonly #received = new Set<PacketId>();
  readonly #subscriptions = new Map<TopicFilter, StoredSubscription>();

  load(): StoredSession {
    const outgoing = [...this.#outgoing.values()].map((record) => ({ ...record }));
    return {
      outgoing: outgoing.sort((a, b) => a.sequence - b.sequence),
      received: [...this.#received],
      subscriptions: [...this.#subscriptions.values()],
    };
  }

  save(message: StoredMessage): void {
    this.#outgoing.set(message.sequence, message);
  }

  remove(sequence: number): void {
    this.#outgoing.delete(sequence);
  }

  saveReceived(packetId: PacketId): void {
    this.#received.add(packetId);
  }

  removeReceived(packetId: PacketId): void {
    this.#received.delete(packetId);
  }

  saveSubscription(record: StoredSubscription): void {
    this.#subscriptions.set(record.filter, record);
  }

  removeSubscription(filter: TopicFilter): void {
    this.#subscriptions.delete(filter);
  }
}
