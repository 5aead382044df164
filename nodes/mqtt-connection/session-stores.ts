import { MemoryStore, MqttError, type SessionStore } from '../../src/index.ts';

/** Sessions by config node: they outlive redeploys, and end when their node is removed, or with the process. */
export class SessionStores {
  readonly #byNode = new Map<string, MemoryStore>();

  of(id: string): SessionStore {
    const store = this.#byNode.get(id) ?? new MemoryStore();
    this.#byNode.set(id, store);
    return store;
  }

  /** The node is gone for good. @returns how many messages failed by that; each is told so. */
  remove(id: string): number {
    const store = this.#byNode.get(id);
    this.#byNode.delete(id);
    return store === undefined ? 0 : discarded(store, 'the connection was removed before the broker had the message');
  }

  /** The process ends, and what lives in its memory with it. @returns how many messages failed by that. */
  end(): number {
    const lost = [...this.#byNode.values()].map((store) =>
      discarded(store, 'Node-RED ended before the broker had the message, which was kept in memory only'),
    );
    this.#byNode.clear();
    return lost.reduce((sum, count) => sum + count, 0);
  }
}

interface Discarding {
  /** Settles what the store still holds. */
  discard?(error: MqttError): unknown;
}

function discarded(store: MemoryStore, sentence: string): number {
  const { length } = store.load().outgoing;
  (store as Discarding).discard?.(new MqttError('closed', sentence));
  return length;
}
