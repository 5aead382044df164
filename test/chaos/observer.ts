import type { Mark } from './evidence.ts';
import { RawClient } from './raw-client.ts';
import { CHAOS_STREAMS, numberIn, payloadOf, type Stream } from './streams.ts';

/** What the broker said of what was published on a stream. */
export interface Published {
  /** It is through with these, in the order in which it said so. */
  readonly done: Mark[];
  /** At QoS 2: it has said that it has them. */
  readonly had: Mark[];
}

/** The other side of the flows, straight at the broker. */
export class Observer {
  readonly #client: RawClient;
  readonly #arrived = new Map<string, Mark[]>(CHAOS_STREAMS.map(({ topic }) => [topic, []]));
  readonly #published = new Map<string, Published>(CHAOS_STREAMS.map(({ topic }) => [topic, { done: [], had: [] }]));

  /** @param filter what the flows publish on. */
  constructor(port: number, filter: string) {
    this.#client = new RawClient(port, 'observer', filter, (topic, payload) => {
      this.#arrived.get(topic)?.push({ number: numberIn(payload), at: Date.now() });
    });
  }

  get isSubscribed(): boolean {
    return this.#client.isSubscribed;
  }

  /** How many messages the broker is not through with. */
  get open(): number {
    return this.#client.open;
  }

  /** Connects again and again until {@link close}. Never rejects. */
  async run(): Promise<void> {
    await this.#client.run();
  }

  close(): void {
    this.#client.close();
  }

  publish(stream: Stream, number: number): void {
    const { done, had } = this.published(stream);
    const isSent = this.#client.publish(stream.topic, payloadOf(number), stream.qos, (word) => {
      (word === 'pubrec' ? had : done).push({ number, at: Date.now() });
    });
    // Nothing is said of QoS 0: it was given to a connection.
    if (stream.qos === 0 && isSent) done.push({ number, at: Date.now() });
  }

  published({ topic }: Stream): Published {
    return this.#published.get(topic) ?? { done: [], had: [] };
  }

  arrived({ topic }: Stream): readonly Mark[] {
    return this.#arrived.get(topic) ?? [];
  }

  /** All that it saw, by the id of the node in the flow. */
  get seen(): readonly object[] {
    return CHAOS_STREAMS.map((stream) => ({
      stream: stream.node,
      arrived: this.arrived(stream),
      published: this.published(stream),
    }));
  }
}
