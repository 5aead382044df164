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
    return store?.discard(new MqttError('closed', 'the connection was removed before the broker had the message')) ?? 0;
  }

  /** The process ends, and what lives in its memory with it. @returns how many messages failed by that. */
  end(): number {
    const error = new MqttError('closed', 'Node-RED ended before the broker had the message, which only memory kept');
    const lost = [...this.#byNode.values()].map((store) => store.discard(error));
    this.#byNode.clear();
    return lost.reduce((sum, count) => sum + count, 0);
  }
}
