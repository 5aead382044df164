import { MemoryStore, MqttError, type SessionStore } from '../../src/index.ts';
import { Spread } from './spread.ts';

interface Kept {
  readonly store: MemoryStore;
  /** Objects of the node that exist: in a deploy the next may come before the last has closed. */
  users: number;
}

/** Sessions by config node: they outlive redeploys, and end when their node is removed, or with the process. */
export class SessionStores {
  readonly #byNode = new Map<string, Kept>();
  /** Messages that failed with their session: there may be very many at once. */
  readonly #failures: Spread;

  /** @param failed told what is thrown when somebody is told that his message failed. */
  constructor(failed: (error: unknown) => void) {
    this.#failures = new Spread(failed);
  }

  /** The session of a node that was made; {@link left} or {@link remove} ends that. */
  of(id: string): SessionStore {
    const kept = this.#byNode.get(id) ?? { store: new MemoryStore(), users: 0 };
    this.#byNode.set(id, kept);
    kept.users += 1;
    return kept.store;
  }

  /** The node was closed, and may come back. */
  left(id: string): void {
    const kept = this.#byNode.get(id);
    if (kept !== undefined) kept.users -= 1;
  }

  /** A deploy is over: nodes that did not come back are gone. @returns how many messages failed by that; each is told so. */
  prune(): number {
    const gone = [...this.#byNode].filter(([, { users }]) => users <= 0);
    return gone.reduce((sum, [id]) => sum + this.remove(id), 0);
  }

  /** The node is gone for good. @returns how many messages failed by that; each is told so. */
  remove(id: string): number {
    const kept = this.#byNode.get(id);
    this.#byNode.delete(id);
    const error = new MqttError('closed', 'the connection was removed before the broker had the message');
    return kept === undefined ? 0 : this.#discard(kept.store, error);
  }

  /** The process ends, and what lives in its memory with it. @returns how many messages failed by that. */
  end(): number {
    const error = new MqttError('closed', 'Node-RED ended before the broker had the message, which only memory kept');
    const lost = [...this.#byNode.values()].map(({ store }) => this.#discard(store, error));
    this.#byNode.clear();
    return lost.reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when every message that failed has been told so. */
  told(): Promise<void> {
    return this.#failures.idle();
  }

  #discard(store: MemoryStore, error: Error): number {
    return store.discard(error, (tell) => this.#failures.add(tell));
  }
}
