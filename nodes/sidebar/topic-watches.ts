import { randomBytes } from 'node:crypto';
import type { WatchRequest } from '../common/sidebar-answers.ts';
import type { LiveConnections } from '../mqtt-connection/live-connections.ts';
import type { SharedConnection } from '../mqtt-connection/shared-connection.ts';
import { SeenTopics } from './seen-topics.ts';
import { TopicWatch } from './topic-watch.ts';

/** Watches at a time: each has a connection to its broker, and memory for what it saw. */
export const MOST_WATCHES = 10;

interface Entry {
  readonly watch: TopicWatch;
  readonly connection: SharedConnection;
  readonly connectionId: string;
}

/** All watches of this Node-RED. */
export class TopicWatches {
  readonly #live: LiveConnections;
  readonly #watches = new Map<string, Entry>();
  readonly #seen = new SeenTopics();

  constructor(live: LiveConnections) {
    this.#live = live;
  }

  get isFull(): boolean {
    return this.#watches.size >= MOST_WATCHES;
  }

  /** @returns its id. @throws {MqttError} the filter, or the connection's settings, make no sense. */
  begin({ filter, qos, connection: connectionId }: WatchRequest, connection: SharedConnection): string {
    const id = randomBytes(16).toString('hex');
    const clientId = `watch_${randomBytes(8).toString('hex')}`;
    const watch = new TopicWatch({
      options: connection.settings.secondOptions(clientId, connection.protocolVersion),
      request: { filter, qos },
      ended: () => this.#ended(id),
    });
    this.#watches.set(id, { watch, connection, connectionId });
    return id;
  }

  /** undefined: it is over. */
  find(id: string): TopicWatch | undefined {
    return this.#watches.get(id)?.watch;
  }

  /** Topics of a connection that watches saw, those of now first. */
  *topicsOf(connectionId: string): Iterable<string> {
    for (const entry of this.#watches.values()) if (entry.connectionId === connectionId) yield* entry.watch.topics;
    yield* this.#seen.of(connectionId);
  }

  /** A deploy is over: what it removed, or made anew with other settings, is watched no longer. */
  prune(): void {
    for (const { watch, connection, connectionId } of this.#watches.values()) {
      if (this.#live.find(connectionId)?.connection !== connection) watch.end();
    }
    this.#seen.prune((connectionId) => this.#live.find(connectionId) !== undefined);
  }

  #ended(id: string): void {
    const entry = this.#watches.get(id);
    if (entry === undefined) return;
    this.#watches.delete(id);
    this.#seen.add(entry.connectionId, entry.watch.topics);
  }
}
