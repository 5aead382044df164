import { Client } from '../../src/index.ts';
import type {
  ClientOptions,
  ClientState,
  PublishPacket,
  PublishRequest,
  Receiver,
  Subscription,
  SubscriptionOptions,
  SubscriptionOutcome,
  TopicFilter,
} from '../../src/index.ts';
import { deferred } from '../../src/util/deferred.ts';
import { within } from './events.ts';
import { FakeBroker } from './fake-broker.ts';
import type { FakeBrokerOptions, FakePeer, PacketOf } from './fake-broker.ts';
import { Inbox } from './inbox.ts';

/** Reconnects at once, so that a test does not wait for what it does not test. */
export const FAST_BACKOFF = { initial: 2, maximum: 10, stableAfter: 10_000 } as const;

type Phase = ClientState['phase'];
type StateOf<P extends Phase> = Extract<ClientState, { phase: P }>;

/** What became of a published message. */
export class Outcome {
  /** How often `settle` was called: 1 is the promise. */
  times = 0;
  error: Error | undefined;
  /** Settles with the first call of `settle`, and never rejects. */
  readonly settled: Promise<Error | undefined>;
  readonly settle: (error: Error | undefined) => void;

  constructor() {
    const first = deferred<Error | undefined>();
    this.settled = first.promise;
    this.settle = (error) => {
      this.times += 1;
      this.error ??= error;
      first.resolve(error);
    };
  }
}

/** A receiver that keeps what it gets, and what was said to its subscriptions. */
export class Mailbox implements Receiver {
  readonly messages: PublishPacket[] = [];
  readonly filters: TopicFilter[] = [];
  readonly outcomes = new Inbox<SubscriptionOutcome>();
  readonly #inbox = new Inbox<PublishPacket>();

  receive(packet: PublishPacket, filter: TopicFilter): void {
    const kept = { ...packet, payload: Buffer.from(packet.payload) };
    this.messages.push(kept);
    this.filters.push(filter);
    this.#inbox.put(kept);
  }

  /** The next message; those that nobody took are given first. */
  next(): Promise<PublishPacket> {
    return this.#inbox.take(() => `no message came (${this.messages.length} before)`);
  }

  /** The payloads so far, as text. */
  get texts(): string[] {
    return this.messages.map(({ payload }) => String(payload));
  }
}

/** A fake broker, a client on it, and the client's first connection. */
export interface Scene {
  readonly broker: FakeBroker;
  readonly client: Client;
  readonly peer: FakePeer;
  readonly connect: PacketOf<'connect'>;
}

/** Makes clients and fake brokers, and ends them. */
export class ClientBench {
  readonly #clients: Client[] = [];
  readonly #brokers: FakeBroker[] = [];

  /** A client that is not connecting yet: MQTT 5 without Keep Alive and with a fast backoff, unless `options` differ. */
  client(server: string, options: Partial<ClientOptions> = {}): Client {
    const client = new Client({
      server,
      protocolVersion: 5,
      clientId: 'client',
      keepAlive: 0,
      backoff: FAST_BACKOFF,
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  async broker(options?: FakeBrokerOptions): Promise<FakeBroker> {
    const broker = await FakeBroker.listen(options);
    this.#brokers.push(broker);
    return broker;
  }

  /** A client that is connected to a fake broker, which has answered with `connack`. */
  async connected(options?: Partial<ClientOptions>, connack?: Parameters<FakePeer['connack']>[0]): Promise<Scene> {
    const broker = await this.broker();
    const client = this.client(broker.url, options);
    client.connect();
    const peer = await broker.accept();
    const connect = await peer.handshake(connack);
    await phase(client, 'connected');
    return { broker, client, peer, connect };
  }

  /** A client that is connected to a real broker. */
  async connect(server: string, options: Partial<ClientOptions> = {}): Promise<Client> {
    const client = this.client(server, options);
    client.connect();
    await phase(client, 'connected');
    return client;
  }

  /**
   * The clients are told first: one that dials a broker that is gone may meet that of another test, which has its port
   * by then. The brokers end meanwhile: their silence must not make a client wait.
   */
  async close(): Promise<void> {
    const closing = this.#clients.splice(0).map((client) => client.close());
    await Promise.all(this.#brokers.splice(0).map((broker) => broker.close()));
    await Promise.all(closing);
  }
}

/** A bench for the tests of the surrounding `describe`, cleared after each of them. */
export function useBench(): ClientBench {
  const bench = new ClientBench();
  afterEach(() => bench.close());
  return bench;
}

/** Waits until the client is in this phase; at once if it is. */
export async function phase<P extends Phase>(client: Client, wanted: P, timeoutMs?: number): Promise<StateOf<P>> {
  const found = deferred<StateOf<P>>();
  const look = (state: ClientState): void => {
    if (state.phase === wanted) found.resolve(state as StateOf<P>);
  };
  const stop = client.onState(look);
  look(client.state);
  try {
    return await within(found.promise, () => `not ${wanted}, but ${client.state.phase}`, timeoutMs);
  } finally {
    stop();
  }
}

export function publish(client: Client, request: Partial<PublishRequest> = {}): Outcome {
  const outcome = new Outcome();
  client.publish({ topic: 't', payload: '', ...request }, outcome.settle);
  return outcome;
}

/** Waits for the outcome of a message. @throws what it failed with. */
export async function delivered(outcome: Outcome, timeoutMs?: number): Promise<void> {
  const error = await within(outcome.settled, 'the message was not settled', timeoutMs);
  if (error !== undefined) throw error;
}

/** Waits for the error of a message. @throws Error if it was delivered instead. */
export async function failure(outcome: Outcome, timeoutMs?: number): Promise<Error> {
  const error = await within(outcome.settled, 'the message was not settled', timeoutMs);
  if (error === undefined) throw new Error('the message was delivered');
  return error;
}

export function subscribe(
  client: Client,
  filter: string,
  mailbox: Mailbox,
  options: Partial<SubscriptionOptions> = {},
): Subscription {
  const all = { qos: 2, noLocal: false, retainAsPublished: true, retainHandling: 0, ...options } as const;
  return client.subscribe(filter, mailbox, all, (outcome) => mailbox.outcomes.put(outcome));
}

/** The payloads of the PUBLISH packets that came to a fake broker's connection, as text. */
export function publishedTo(peer: FakePeer): string[] {
  return peer.received.filter((packet) => packet.cmd === 'publish').map(({ payload }) => String(payload));
}

/** Text payloads `0` to `count - 1`. */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}
