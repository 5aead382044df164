import { type Socket, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import type { QoS } from '../../src/index.ts';

/** What the broker said of a message: it has it (PUBACK, PUBREC), or is through with it (PUBACK, PUBCOMP). */
export type Word = 'puback' | 'pubrec' | 'pubcomp';

interface Outgoing {
  readonly publication: IPublishPacket;
  readonly hear: (word: Word) => void;
  released: boolean;
}

const HIGHEST_ID = 0xffff;
const MOST_IN_FLIGHT = 100;
const RETRY_MS = 50;

/**
 * A small MQTT 3.1.1 client with a kept session and nothing of the code under test: it keeps its state in memory, which
 * nobody kills, resends what is open at each connection, and believes no packet id more than the message under it.
 */
export class RawClient {
  readonly #port: number;
  readonly #clientId: string;
  readonly #filter: string;
  readonly #receive: (topic: string, payload: string) => void;
  readonly #queue: Omit<Outgoing, 'released'>[] = [];
  readonly #inFlight = new Map<number, Outgoing>();
  /** Received at QoS 2 and not released: what came under the id. */
  readonly #held = new Map<number, string>();
  #socket: Socket | undefined;
  #isUp = false;
  #isSubscribed = false;
  #nextId = 1;
  #isClosed = false;

  /** @param receive told each message once, as far as that can be known. */
  constructor(port: number, clientId: string, filter: string, receive: (topic: string, payload: string) => void) {
    this.#port = port;
    this.#clientId = clientId;
    this.#filter = filter;
    this.#receive = receive;
  }

  /** Whether it has been subscribed once: its session keeps the subscription. */
  get isSubscribed(): boolean {
    return this.#isSubscribed;
  }

  /** How many messages the broker is not through with. */
  get open(): number {
    return this.#queue.length + this.#inFlight.size;
  }

  /** Connects again and again until {@link close}. Never rejects. */
  async run(): Promise<void> {
    while (!this.#isClosed) {
      await this.#connection();
      await sleep(RETRY_MS);
    }
  }

  /** @returns whether it is on its way; at QoS 0 it is not where there is no connection. */
  publish(topic: string, payload: string, qos: QoS, hear: (word: Word) => void): boolean {
    const publication: IPublishPacket = { cmd: 'publish', topic, payload, qos, dup: false, retain: false };
    if (qos === 0) {
      if (this.#isUp) this.#send(publication);
      return this.#isUp;
    }
    this.#queue.push({ publication, hear });
    this.#drain();
    return true;
  }

  close(): void {
    this.#isClosed = true;
    this.#send({ cmd: 'disconnect' });
    this.#socket?.destroy();
  }

  async #connection(): Promise<void> {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    const packets = parser({ protocolVersion: 4 });
    packets.on('packet', (packet) => this.#take(packet));
    socket.on('data', (bytes: Buffer) => void packets.parse(bytes));
    socket.on('error', () => socket.destroy()); // `close` follows, which counts
    socket.once('connect', () =>
      this.#send({ cmd: 'connect', clientId: this.#clientId, protocolVersion: 4, clean: false, keepalive: 0 }),
    );
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
    });
    this.#isUp = false;
  }

  #take(packet: Packet): void {
    const messageId = packet.messageId ?? 0;
    switch (packet.cmd) {
      case 'connack':
        return this.#connected();
      case 'suback':
        this.#isSubscribed = true;
        return;
      case 'publish':
        return this.#arrive(packet);
      case 'pubrel':
        this.#held.delete(messageId);
        return this.#send({ cmd: 'pubcomp', messageId });
      case 'puback':
      case 'pubcomp':
        return this.#settle(messageId, packet.cmd);
      case 'pubrec':
        return this.#release(messageId);
      default: // the broker sends nothing else that matters here
    }
  }

  #connected(): void {
    this.#isUp = true;
    this.#send({ cmd: 'subscribe', messageId: HIGHEST_ID, subscriptions: [{ topic: this.#filter, qos: 2 }] });
    for (const [messageId, { publication, released }] of this.#inFlight) {
      this.#send(released ? { cmd: 'pubrel', messageId } : { ...publication, messageId, dup: true });
    }
    this.#drain();
  }

  #drain(): void {
    while (this.#isUp && this.#inFlight.size < MOST_IN_FLIGHT) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      const messageId = this.#freeId();
      this.#inFlight.set(messageId, { ...next, released: false });
      this.#send({ ...next.publication, messageId });
    }
  }

  #freeId(): number {
    do {
      this.#nextId = (this.#nextId % (HIGHEST_ID - 1)) + 1;
    } while (this.#inFlight.has(this.#nextId));
    return this.#nextId;
  }

  #arrive(packet: IPublishPacket): void {
    const { qos, messageId = 0, topic } = packet;
    const payload = String(packet.payload);
    // A broker that came back with an older session may use an id again that we hold for another message.
    const isKnown = qos === 2 && this.#held.get(messageId) === `${topic} ${payload}`;
    if (qos === 2) this.#held.set(messageId, `${topic} ${payload}`);
    if (!isKnown) this.#receive(topic, payload);
    if (qos === 1) this.#send({ cmd: 'puback', messageId });
    if (qos === 2) this.#send({ cmd: 'pubrec', messageId });
  }

  #release(messageId: number): void {
    const outgoing = this.#inFlight.get(messageId);
    if (outgoing !== undefined) {
      outgoing.released = true;
      outgoing.hear('pubrec');
    }
    this.#send({ cmd: 'pubrel', messageId });
  }

  #settle(messageId: number, word: 'puback' | 'pubcomp'): void {
    const outgoing = this.#inFlight.get(messageId);
    if (outgoing === undefined || !this.#inFlight.delete(messageId)) return;
    outgoing.hear(word);
    this.#drain();
  }

  #send(packet: Packet): void {
    if (this.#socket?.writable === true) this.#socket.write(generate(packet));
  }
}
