import { ClientClosed, MqttError, textOf } from '../protocol/errors.ts';
import type { ServerLimits } from '../connection/server-limits.ts';
import type { ConnackPacket, Message, ProtocolVersion, SubscriptionOptions } from '../protocol/packet.ts';
import { parseShare, parseTopicFilter, type TopicFilter } from '../protocol/topic.ts';
import { overlaps } from '../router/overlap.ts';
import { type Receiver, Router } from '../router/router.ts';
import type { Settle } from '../store/session-store.ts';
import { mayHaveLeft, type OutgoingMessage } from '../session/outgoing-message.ts';
import { Session } from '../session/session.ts';
import { Deploy } from './deploy.ts';
import { Expiry } from './expiry.ts';
import { Lifecycle } from './lifecycle.ts';
import { parseMessage, type PublishRequest } from './message.ts';
import { type ClientOptions, parseOptions, type Settings } from './options.ts';
import { listenerFailed } from '../session/undelivered.ts';
import { HeldFailures } from './held-failures.ts';
import type { ClientNumbers } from './numbers.ts';
import { whyRefused } from './outbox.ts';
import type { ClientState } from './state.ts';
import type { OutcomeListener } from './outcome.ts';
import { Subscriptions } from './subscriptions.ts';
import { describeServer } from '../transport/server.ts';

/** By whom a message is done: the Server has it, or the store, which brings it to the Server whatever happens. */
export type SettledBy = 'server' | 'store';

/** A receiver's hold on a filter. */
export interface Subscription {
  readonly filter: TopicFilter;
  /** The filter is not wanted any more: unsubscribed when nobody else wants it. */
  unsubscribe(): void;
  /**
   * The receiver goes, but the Server keeps the subscription until a new one takes it up, or {@link Client.prune}. What it
   * was handed within this turn of the event loop its successor gets, unless `arrived`, which is asked when the turn is
   * over, says that those behind the receiver have it all the same.
   */
  release(arrived?: () => boolean): void;
}

/** A message that the Server does not have yet, or has not acknowledged. */
export interface WaitingMessage {
  readonly message: Message;
  /** Milliseconds since it was accepted. */
  readonly age: number;
  /** It was sent, or may have been by an earlier client: the Server may have it. */
  readonly mayHaveLeft: boolean;
}

/** An MQTT client: owns session and subscriptions, keeps a connection up, and tells its state. */
export class Client {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #subscriptions: Subscriptions;
  readonly #lifecycle: Lifecycle;
  readonly #router: Router;
  readonly #deploy: Deploy;
  readonly #expiry: Expiry;
  readonly #heldFailures: HeldFailures;
  readonly #listeners = new Set<(state: ClientState) => void>();
  /** The state that is being told, and those that were entered meanwhile. */
  readonly #untold: ClientState[] = [];

  /** @throws {MqttError} `invalid-options`, `invalid-topic` or `invalid-message`, naming option and value. */
  constructor(options: ClientOptions) {
    this.#settings = parseOptions(options);
    const { store, random, report, restored, failing, emptied, clientId, outbox, clock } = this.#settings;
    this.#heldFailures = new HeldFailures(failing, report, clock);
    const router = new Router((error, filter) => this.#receiverFailed(error, filter), clock);
    this.#router = router;
    this.#session = new Session({
      store,
      identity: { server: describeServer(this.#settings.server), clientId },
      receivers: {
        deliver: (packet, handout) => router.deliver(packet, handout),
        wants: (receiver, filter) => this.#subscriptions.has(filter, receiver),
        successor: (ref, topic) => router.successor(ref, topic),
        give: (receiver, packet, filter, workable) => router.give(receiver, packet, filter, workable),
      },
      random,
      report,
      restored,
      failing: this.#heldFailures.tell,
      failed: (error) => this.#count(error),
      workDone: () => this.#lifecycle.wake(),
      came: () => this.#lifecycle.wake(),
      answered: (qos, milliseconds) => this.#settings.numbers.answered(qos, milliseconds),
      whenFull: outbox.whenFull,
      qos0Waits: outbox.qos0Waits,
      emptied,
    });
    this.#expiry = new Expiry(clock, this.#session.outgoing);
    this.#expiry.arm();
    this.#subscriptions = new Subscriptions(
      router,
      this.#settings.filtersPerSubscribe,
      store,
      this.#settings.subscribeUserProperties,
      random,
    );
    this.#deploy = new Deploy(this.#settings.clock, () => this.prune());
    this.#lifecycle = new Lifecycle(this.#settings, this.#session, this.#subscriptions, (state) => this.#tell(state));
  }

  get state(): ClientState {
    return this.#lifecycle.state;
  }

  /** What the Server answered to CONNECT, while connected. */
  get connack(): ConnackPacket | undefined {
    return this.#lifecycle.connack;
  }

  /** The protocol version of the connection, or of the next attempt. */
  get protocolVersion(): ProtocolVersion {
    return this.#lifecycle.protocolVersion;
  }

  /** As configured, or as the Server assigned it. */
  get clientId(): string {
    return this.#lifecycle.clientId;
  }

  /** Accepted messages that are not settled. */
  get waiting(): number {
    return this.#session.outgoing.count;
  }

  /** The same in bytes, and since when the first of them has been there: milliseconds that passed since. */
  get outbox(): { readonly messages: number; readonly bytes: number; readonly oldest: number | undefined } {
    const { count, bytes, waitingSince } = this.#session.outgoing;
    const oldest = waitingSince === undefined ? undefined : this.#settings.clock.now() - waitingSince;
    return { messages: count, bytes, oldest };
  }

  /** What waits for the Server, the oldest first; what waits on disk alone is read as it is asked for. */
  async *waitingMessages(): AsyncGenerator<readonly WaitingMessage[]> {
    const { outgoing } = this.#session;
    const now = this.#settings.clock.now();
    const onDisk = outgoing.waitingOnDisk();
    yield outgoing.waiting.map((entry) => asWaiting(entry, now));
    for await (const some of onDisk) yield some.map((entry) => asWaiting(entry, now));
  }

  /**
   * Discards what waits to be sent; whoever gave it is told so, and whether the Server may have it. What is under way stays.
   *
   * @returns how many messages.
   */
  discardUnsent(): number {
    return this.#session.outgoing.discard();
  }

  /** What was counted so far, by this client, and by those whose numbers it was given. */
  get numbers(): ClientNumbers {
    return this.#settings.numbers;
  }

  /** Topics of messages that came of late: some of many. */
  get recentTopics(): Iterable<string> {
    return this.#router.recentTopics;
  }

  /** QoS 1 and 2 messages that left and are not acknowledged. */
  get inFlight(): number {
    return this.#session.outgoing.inFlight;
  }

  /** What the Server allows, while connected. */
  get limits(): ServerLimits | undefined {
    return this.#lifecycle.limits;
  }

  /** Asks the Server for an answer, so that {@link ClientNumbers.roundTrip} is of now; without a connection, nothing. */
  measure(): void {
    this.#lifecycle.measure();
  }

  /** Keeps a connection up from now on. */
  connect(): void {
    this.#lifecycle.start();
  }

  /** Ends the connection in order, within about 2 s; messages at QoS 1 and 2 wait for the next `connect`. */
  async disconnect(): Promise<void> {
    await this.#lifecycle.stop('idle');
  }

  /**
   * Ends everything, within about 2 s: what is under way may arrive, the rest waits in the store for the next client
   * with it, which settles it. Without a store of its own the client has nobody to go on, and settles it with
   * {@link ClientClosed}.
   * @param unsubscribe whether the Server forgets the subscriptions first, which it otherwise keeps with the session; not
   *   while receivers work on messages of a session that it keeps: some Servers would forget those too.
   */
  async close(unsubscribe: boolean = false): Promise<void> {
    const hasToSendAgain = this.#session.incoming.owes && !this.#endsSession;
    if (unsubscribe && !hasToSendAgain) this.#subscriptions.clear();
    this.#deploy.abandon();
    await this.#lifecycle.stop('closed');
    this.#expiry.end();
    this.#session.leave(this.#settings.clock.now(), this.#endsSession);
    this.#discardOwnStore();
  }

  /** Ends the network connection at once, without DISCONNECT, so that the Server publishes the Will. */
  destroy(): void {
    this.#lifecycle.destroy();
  }

  /**
   * Publishes a message. `settle` is called exactly once: without an error when the Server has the message (QoS 0: when
   * the socket took it), with one when it never will: invalid, expired, rejected, not allowed by the Server, outbox full,
   * QoS 0 while offline, or closed. It may be called before `publish` returns.
   * @param settledBy `store`: at QoS 1 and 2 it is called as soon as the message is durable, if it can be; what becomes of
   *   it then is told as of an earlier client's. Default `server`.
   */
  publish(request: PublishRequest, settle: Settle, settledBy: SettledBy = 'server'): void {
    this.#heldFailures.hold();
    const problem = this.#accept(request, settle, settledBy);
    this.#heldFailures.release();
    if (problem === undefined) this.#lifecycle.wake();
    else this.#fail(settle, problem);
  }

  /**
   * Subscribes `receiver` to `filter`, now and after every reconnect. `outcome` hears each answer of the Server.
   * @throws {MqttError} `invalid-filter`, or `invalid-options` for No Local on a shared subscription.
   */
  subscribe(filter: string, receiver: Receiver, options: SubscriptionOptions, outcome: OutcomeListener): Subscription {
    const parsed = parseTopicFilter(filter);
    if (options.noLocal && this.protocolVersion === 5 && parseShare(parsed) !== undefined) {
      throw new MqttError('invalid-options', `${filter} is a shared subscription, which cannot have No Local`);
    }
    this.#deploy.whenOver(receiver, parsed, () => {
      this.#subscriptions.add(parsed, receiver, options, outcome);
      this.#lifecycle.offer();
      this.#lifecycle.wake();
    });
    return {
      filter: parsed,
      unsubscribe: () => this.#unsubscribe(parsed, receiver),
      release: (arrived) => this.#release(parsed, receiver, arrived),
    };
  }

  /** A deploy makes receivers, until {@link prune}: what is subscribed meanwhile counts from then on. */
  beginDeploy(): void {
    this.#lifecycle.deploying();
    this.#deploy.comes();
  }

  /**
   * A deploy is over: what was released and not taken up again is unsubscribed, and messages that were held for those
   * who came back are handed to them.
   */
  prune(): void {
    this.#deploy.end();
    this.#subscriptions.prune();
    this.#lifecycle.deployed();
  }

  /** Calls `listener` on every change of the state; returns the function that ends this. */
  onState(listener: (state: ClientState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @returns why the message is not accepted. */
  #accept(request: PublishRequest, settle: Settle, settledBy: SettledBy): Error | undefined {
    const message = this.#parse(request);
    if (message instanceof Error) return message;
    const { outbox, clock } = this.#settings;
    const seconds = message.properties?.messageExpiryInterval ?? outbox.longestWait;
    const now = seconds === undefined ? this.#lifecycle.turn : clock.now();
    const expiresAt = seconds === undefined ? undefined : now + seconds * 1000;
    const recorded = message.qos > 0 || (outbox.qos0Waits && this.state.phase !== 'connected');
    try {
      const entry = this.#session.outgoing.accept(message, now, expiresAt, settle, recorded);
      if (settledBy === 'store' && recorded) this.#whenStored(() => this.#session.outgoing.stored(entry));
    } catch (error) {
      // It could not be stored, and so was not accepted.
      return asError(error);
    }
    if (expiresAt !== undefined) this.#expiry.arm();
    return undefined;
  }

  /** Whatever the store does, the message is accepted: else it is told by the Server's answer. */
  #whenStored(stored: () => void): void {
    try {
      this.#settings.store.commit((kept) => {
        if (kept) stored();
      });
    } catch (error) {
      this.#settings.report(new MqttError('store-failed', `the store cannot say what it has: ${textOf(error)}`));
    }
  }

  #count(error: Error): void {
    if (error instanceof MqttError) this.#settings.numbers.messageFailed(error.code);
  }

  #fail(settle: Settle, error: Error): void {
    this.#count(error);
    this.#settings.failing(() => settle(error, 0));
  }

  /** The message, or why it is not accepted. */
  #parse(request: PublishRequest): Message | Error {
    try {
      const message = parseMessage(request);
      return this.#refusal(message) ?? message;
    } catch (error) {
      return asError(error);
    }
  }

  /** A message is not to be asked for again because somebody cannot take it: he would not the next time either. */
  #receiverFailed(error: unknown, filter: TopicFilter): void {
    const text = `whoever gets the messages to ${filter} failed: ${textOf(error)}`;
    this.#settings.report(new MqttError('receiver-failed', text, { cause: error }));
  }

  #unsubscribe(filter: TopicFilter, receiver: Receiver): void {
    this.#deploy.takeBack(receiver, filter);
    this.#subscriptions.remove(filter, receiver);
    this.#lifecycle.wake();
  }

  #release(filter: TopicFilter, receiver: Receiver, arrived?: () => boolean): void {
    if (this.state.phase === 'closed') return;
    this.#deploy.takeBack(receiver, filter);
    this.#lifecycle.deploying();
    this.#deploy.goes();
    const vacancy = this.#subscriptions.release(filter, receiver);
    const matches = (topic: string): boolean => overlaps(filter, topic as TopicFilter);
    this.#session.incoming.released({ receiver, vacancy, matches, arrived }, this.#settings.clock.now());
  }

  /** Whether the Server's session ends with this client (3.1.2.4, 3.1.2.11.2). */
  get #endsSession(): boolean {
    const { cleanStart, sessionExpiryInterval } = this.#settings;
    return cleanStart || (this.protocolVersion === 5 && sessionExpiryInterval === 0);
  }

  #discardOwnStore(): void {
    try {
      this.#settings.ownStore?.discard(new ClientClosed(), this.#settings.failing);
    } catch (error) {
      this.#settings.report(listenerFailed(error));
    }
  }

  #refusal(message: Message): MqttError | undefined {
    const { state } = this;
    if (state.phase === 'closed') return new ClientClosed();
    const { outbox, clock } = this.#settings;
    return whyRefused(message, this.#session.outgoing, outbox, state, clock);
  }

  /** Every listener hears every state in its order, also when one of them brings about the next. */
  #tell(state: ClientState): void {
    // What was on its way may wait once more.
    if (state.phase !== 'closed') this.#expiry.arm();
    this.#untold.push(state);
    if (this.#untold.length > 1) return;
    for (let next = this.#untold[0]; next !== undefined; next = this.#untold[0]) {
      for (const listener of this.#listeners) this.#tellOne(listener, next);
      this.#untold.shift();
    }
  }

  #tellOne(listener: (state: ClientState) => void, state: ClientState): void {
    try {
      listener(state);
    } catch (error) {
      this.#settings.report(new MqttError('invalid-options', `a listener to the state failed: ${textOf(error)}`));
    }
  }
}

function asWaiting(entry: OutgoingMessage, now: number): WaitingMessage {
  return { message: entry.message, age: now - entry.acceptedAt, mayHaveLeft: mayHaveLeft(entry) };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(textOf(thrown));
}
