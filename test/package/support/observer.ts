import { Client } from '../../../src/index.ts';
import { Inbox } from '../../support/inbox.ts';

/** A wait spans the start of a flow and of its connection. */
const PATIENCE_MS = 20_000;

/** The messages of one topic, one after the other. */
export interface Watch {
  /** @throws Error naming the topic where none comes in time */
  next(): Promise<string>;
}

/** A client beside Node-RED that looks at what its flows publish, and publishes for them. */
export class Observer {
  readonly #client: Client;

  constructor(url: string) {
    this.#client = new Client({ server: url, protocolVersion: 4, clientId: 'observer' });
    this.#client.connect();
  }

  /** The texts published on a topic from now on, and the retained one. */
  watch(topic: string): Watch {
    const texts = new Inbox<string>();
    const receiver = { receive: (packet: { payload: Buffer }) => texts.put(packet.payload.toString()) };
    const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    this.#client.subscribe(topic, receiver, options, (outcome) => {
      if (!outcome.granted) texts.end(outcome.error);
    });
    return { next: () => texts.take(`a message on ${topic}`, PATIENCE_MS) };
  }

  /** Leaves a message on a topic for whoever subscribes, now or later. */
  async retain(topic: string, payload: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#client.publish({ topic, payload, qos: 1, retain: true }, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}
