import { Client } from '../../src/index.ts';
import { numbersOf, type Numbers } from './numbers.ts';
import type { Stream } from './streams.ts';

const KEPT = { cleanStart: false, sessionExpiryInterval: 3600, protocolVersion: 5 } as const;
const BACKOFF = { initial: 50, maximum: 200, stableAfter: 1000 } as const;

/**
 * The other side of the flows: a client with a kept session straight at the broker, so that what it publishes reaches
 * the broker exactly once, and what the broker gives it arrives exactly once.
 */
export class Observer {
  readonly #client: Client;
  /** By topic: what arrived. */
  readonly #arrived = new Map<string, Numbers>();
  /** By topic: what the broker has acknowledged. */
  readonly #published = new Map<string, Numbers>();
  #next = 0;
  #open = 0;

  constructor(server: string) {
    this.#client = new Client({ server, clientId: 'observer', backoff: BACKOFF, ...KEPT });
  }

  /** Connects, and settles when the topics of the streams are subscribed. */
  async watch(streams: readonly Stream[]): Promise<void> {
    this.#client.connect();
    await Promise.all(streams.map(({ topic }) => this.#subscribe(topic)));
  }

  /** The number of the message that will be published next. */
  get nextNumber(): number {
    return this.#next;
  }

  /** How many messages the broker has not acknowledged yet. */
  get open(): number {
    return this.#open;
  }

  /** Publishes one message with the next number; numbers go over all streams. */
  publish({ topic, qos }: Stream): void {
    const number = this.#next;
    this.#next += 1;
    this.#open += 1;
    this.#client.publish({ topic, payload: String(number), qos }, (error) => {
      this.#open -= 1;
      if (error === undefined) numbersOf(this.#published, topic).push(number);
    });
  }

  published({ topic }: Stream): readonly number[] {
    return numbersOf(this.#published, topic);
  }

  arrived({ topic }: Stream): readonly number[] {
    return numbersOf(this.#arrived, topic);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #subscribe(topic: string): Promise<void> {
    const numbers = numbersOf(this.#arrived, topic);
    const receiver = { receive: ({ payload }: { readonly payload: Buffer }) => void numbers.push(Number(payload)) };
    const options = { qos: 2, noLocal: false, retainAsPublished: true, retainHandling: 0 } as const;
    await new Promise<void>((resolve, reject) => {
      this.#client.subscribe(topic, receiver, options, (outcome) => {
        if (outcome.granted) resolve();
        else reject(outcome.error);
      });
    });
  }
}
