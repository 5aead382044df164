import { Client, type ClientOptions, MqttError, type PublishPacket } from '../../src/index.ts';
import type {
  LookAnswer,
  LookRequest,
  TestAnswer,
  TestMessage,
  WatchRequest,
  WatchState,
} from '../common/sidebar-answers.ts';
import { failureOf } from '../mqtt-connection/connection-numbers.ts';
import { type After, after, atMost } from '../mqtt-connection/waits.ts';
import { TopicTree } from './topic-tree.ts';

/** Milliseconds for which a watch goes on though nobody looks. */
export const LONGEST_UNSEEN = 15_000;

/** Milliseconds for which a person waits for what becomes of a test message. */
const LONGEST_TEST = 10_000;

export interface WatchParts {
  /** Of a connection of its own, see `ConnectionSettings.secondOptions`. */
  readonly options: ClientOptions;
  readonly request: Omit<WatchRequest, 'connection'>;
  /** It is over; called once. */
  readonly ended: () => void;
  readonly wait?: After;
}

/**
 * What a person watches of a broker's topics, by a connection of its own, which no flow knows of. It is over when it is
 * ended, or nobody has looked for {@link LONGEST_UNSEEN}.
 */
export class TopicWatch {
  readonly #client: Client;
  readonly #tree = new TopicTree();
  readonly #ended: () => void;
  readonly #wait: After;
  #isPaused = false;
  #passed = 0;
  #granted: WatchState['granted'];
  #refusal: { readonly error: MqttError; readonly at: number } | undefined;
  #forget: () => void;
  #isOver = false;

  /** @throws {MqttError} `invalid-filter`, or `invalid-options`. */
  constructor({ options, request, ended, wait = after }: WatchParts) {
    this.#ended = ended;
    this.#wait = wait;
    this.#client = new Client({ ...options, lateReceivers: () => 0 });
    this.#client.onState((state) => {
      if (state.phase !== 'connected') this.#granted = undefined;
      // Before MQTT 5 there is no such option.
      else this.#tree.retainAsPublished = this.#client.protocolVersion === 5;
      // What only a person can mend is not tried again and again: some brokers lock out who does that.
      if (state.phase === 'waiting' && !state.cause.retryable) void this.#client.disconnect();
    });
    const receiver = { receive: (packet: PublishPacket) => this.#receive(packet) };
    const asked = { qos: request.qos, noLocal: false, retainAsPublished: true, retainHandling: 0 } as const;
    this.#client.subscribe(request.filter, receiver, asked, (outcome) => {
      this.#granted = outcome.granted ? outcome.qos : undefined;
      this.#refusal = outcome.granted ? undefined : { error: outcome.error, at: Date.now() };
    });
    this.#forget = wait(LONGEST_UNSEEN, () => this.end());
    this.#client.connect();
  }

  /** Topics that were seen, whole. */
  get topics(): Iterable<string> {
    return this.#tree.names;
  }

  /** Somebody looks: it goes on. */
  look({ first, count, open, close, search, selected, paused }: LookRequest): LookAnswer {
    this.#seen();
    this.#pause(paused);
    for (const id of open) this.#tree.open(id, true);
    for (const id of close) this.#tree.open(id, false);
    this.#tree.watch(selected);
    const { total, rows } = search === '' ? this.#tree.rows(first, count) : this.#tree.search(search, first, count);
    const { messages, topics, beyond, watched } = this.#tree;
    const passed = this.#passed;
    return {
      now: Date.now(),
      state: this.#state,
      messages,
      topics,
      beyond,
      passed,
      rowCount: total,
      first,
      rows,
      selected: watched,
    };
  }

  /** By the connection of the watch, at once or not at all: nothing of it waits, least of all in that of the flows. */
  async publish(message: TestMessage): Promise<TestAnswer> {
    this.#seen();
    if (this.#client.state.phase !== 'connected') return { failure: failureOf(notConnected(), Date.now()) };
    const settled = new Promise<TestAnswer>((resolve) =>
      this.#client.publish(message, (error) =>
        resolve(error === undefined ? {} : { failure: failureOf(error, Date.now()) }),
      ),
    );
    const late = new Error(`the broker did not acknowledge the message within ${LONGEST_TEST / 1000} s`);
    return (await atMost(LONGEST_TEST, settled, this.#wait)) ?? { failure: failureOf(late, Date.now()) };
  }

  /** Once; its connection ends within about 2 s. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#forget();
    // It never rejects: an end of a client has no failure.
    void this.#client.close();
    this.#ended();
  }

  #seen(): void {
    if (this.#isOver) return;
    this.#forget();
    this.#forget = this.#wait(LONGEST_UNSEEN, () => this.end());
  }

  #pause(isPaused: boolean): void {
    if (!isPaused) this.#passed = 0;
    this.#isPaused = isPaused;
  }

  #receive(packet: PublishPacket): void {
    if (this.#isOver) return;
    if (this.#isPaused) this.#passed += 1;
    else this.#tree.take(packet, Date.now());
  }

  get #state(): WatchState {
    const { state, numbers } = this.#client;
    const { phase } = state;
    const failure = phase === 'connected' ? this.#refusal : numbers.lastFailure;
    return {
      phase,
      granted: this.#granted,
      failure: failure === undefined ? undefined : failureOf(failure.error, failure.at),
    };
  }
}

function notConnected(): MqttError {
  return new MqttError('offline', 'not sent: the watch is not connected', { retryable: true });
}
