import type { Node } from 'node-red';
import {
  type Client,
  ClientNumbers,
  type ClientState,
  type ConnackPacket,
  describeServer,
  GRACE_TIME,
  MqttError,
  type OutcomeListener,
  parseServer,
  type PublishRequest,
  type ServerLimits,
  type SettledBy,
  type StoredWish,
  type Subscription,
  type SubscriptionOptions,
  textOf,
  type TopicFilter,
  type WaitingMessage,
} from '../../src/index.ts';
import { isSecureUrl } from '../common/broker-address.ts';
import type { BrokerOverride } from '../common/broker-override.ts';
import { failure, type NodeStatus, statusOf } from '../common/status.ts';
import { flag } from '../common/stored.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import { Course } from './course.ts';
import { CurrentClient } from './current-client.ts';
import type { FlowCounts } from './flow-counts.ts';
import { type EarlyMessage, EarlyMessages } from './early-messages.ts';
import { KeptWishes } from './kept-wishes.ts';
import { outcomes } from './outcomes.ts';
import { type Outbox, OutboxLight, withOutbox } from './outbox-light.ts';
import { type Reporter, Reports } from './reports.ts';
import { Spread } from './spread.ts';
import { type After, after, atMost } from './waits.ts';
import { type Subscriber, Wishes } from './wishes.ts';

/** A flow node that uses the connection. */
export interface User {
  readonly node: Node;
  /** It may subscribe at any time, and not only when it is made. */
  readonly subscribesLate: boolean;
  /** It publishes: it shows what waits too. */
  readonly publishes: boolean;
  /** What its flow works on, where that acknowledges. */
  readonly flow?: FlowCounts | undefined;
  /** The connection's status changed; a node with trouble of its own shows that instead. */
  show(status: NodeStatus): void;
  /** Given where it is subscribed by messages: takes up again what the session keeps of that, which is known now, or another one. */
  readonly takeUp?: (() => void) | undefined;
}

/**
 * Milliseconds that an end waits for the session to be opened: what flows gave meanwhile is in memory alone until then.
 * The connection of before, whose session it is, ends within five seconds.
 */
const LONGEST_OPENING_AT_END = 6_000;

/** Milliseconds for which what the session has for nobody waits where the disk cannot be read that says who subscribed it. */
const GRACE_TIME_BY_DISK = 60_000;

const LOCAL: ReadonlySet<unknown> = new Set(['localhost', '127.0.0.1']);

/** What the config node shares with the flow nodes: one connection for all, and its state as each of them shows it. */
export class SharedConnection {
  readonly users = new Set<User>();
  /** Of all clients that it has had. */
  readonly numbers = new ClientNumbers();
  readonly settings: ConnectionSettings;
  readonly #listeners = new Set<(state: ClientState) => void>();
  readonly #wishes = new Wishes();
  readonly #kept = new KeptWishes();
  readonly #reports: Reports;
  readonly #current: CurrentClient;
  readonly #course: Course;
  /** Messages that failed: there may be very many at once. */
  readonly #failures: Spread;
  readonly #outboxLight: OutboxLight;
  #hasFlows = false;
  /** No node uses it any more, and it stays only for what waits. */
  #leaving = false;
  /** Nodes are closed, of which some will come back. */
  #deploying = false;
  /** The last node that was closed was removed. */
  #mayBeUnused = false;
  #isHandedOver = false;

  /** The session is being opened, and there is no client yet; what flows publish meanwhile waits in order. */
  #opening: Promise<void> | undefined;
  readonly #early: EarlyMessages;

  readonly #wait: After;

  /** @param opening resolves when the session is open; not given: it is. */
  constructor(settings: ConnectionSettings, reporter: Reporter, opening?: Promise<unknown>, wait: After = after) {
    this.settings = settings;
    this.#wait = wait;
    this.#reports = new Reports(reporter, () => [...this.users].map(({ node }) => node));
    this.#failures = new Spread((error) => reporter.error(`a failed message could not be told: ${textOf(error)}`));
    this.#current = new CurrentClient({
      options: () => ({
        ...settings.options(),
        numbers: this.numbers,
        report: (notice) => this.#reports.notice(notice),
        // A client that begins within a deploy knows nothing of the nodes that come back.
        lateReceivers: () => this.#lateReceivers,
        receiversWork: () => this.#wishes.work,
        emptied: () => this.#leaveIfUnused(),
        restored: (error, tell) => {
          if (!outcomes.heard(tell)) this.#reports.lost(error);
        },
        failing: (tell) => this.#failures.add(tell),
      }),
      replaced: (client, problem) => this.#replaced(client, problem),
      changed: (state) => this.#changed(state),
    });
    this.#course = new Course(this.#current);
    this.#outboxLight = new OutboxLight({
      outbox: () => this.outbox,
      failures: () => this.numbers.failures,
      nodes: () => this.#publishers.length,
      changed: () => this.#publishers.forEach((user) => this.#showAt(user)),
    });
    this.#early = new EarlyMessages(settings.plainOptions().outbox);
    if (opening === undefined) this.#current.begin();
    else this.#opening = opening.then(() => this.#opened());
  }

  /** Connect when the flows have started and a node uses the connection. */
  get autoConnect(): boolean {
    return flag(this.settings.stored.autoConnect, true);
  }

  get state(): ClientState {
    return this.#current.client?.state ?? { phase: 'idle' };
  }

  /** Why there is no client: the settings make no sense. */
  get problem(): MqttError | undefined {
    return this.#current.problem;
  }

  /** `mqtts://host:8883`. */
  get server(): string | undefined {
    const { options } = this.#current;
    return options === undefined ? undefined : describeServer(parseServer(options.server));
  }

  get clientId(): string | undefined {
    return this.#current.client?.clientId;
  }

  /** What waits for the broker; undefined: there is no client. */
  get outbox(): Outbox | undefined {
    return this.#current.client?.outbox;
  }

  /** As {@link Client.waitingMessages}. */
  waitingMessages(): AsyncIterable<readonly WaitingMessage[]> | readonly [] {
    return this.#current.client?.waitingMessages() ?? [];
  }

  /** As {@link Client.discardUnsent}. */
  discardUnsent(): number {
    return this.#current.client?.discardUnsent() ?? 0;
  }

  /** QoS 1 and 2 messages that left and are not acknowledged. */
  get inFlight(): number {
    return this.#current.client?.inFlight ?? 0;
  }

  /** What the broker allows, while connected. */
  get limits(): ServerLimits | undefined {
    return this.#current.client?.limits;
  }

  /** As {@link Client.recentTopics}. */
  get recentTopics(): Iterable<string> {
    return this.#current.client?.recentTopics ?? [];
  }

  /** As {@link Client.measure}. */
  measure(): void {
    this.#current.client?.measure();
  }

  /** What the broker answered to CONNECT, while connected. */
  get connack(): ConnackPacket | undefined {
    return this.#current.client?.connack;
  }

  get protocolVersion(): 3 | 4 | 5 | undefined {
    return this.#current.client?.protocolVersion;
  }

  get mqtt5(): boolean {
    return this.protocolVersion === 5;
  }

  /** The broker is on this host by name; mqtt-in then tells the topic in `msg._topic` too. */
  get local(): boolean {
    return LOCAL.has(this.settings.stored.broker);
  }

  get status(): NodeStatus {
    const { problem } = this.#current;
    return problem === undefined ? statusOf(this.state, this.#verified) : failure(problem);
  }

  /** Connected, being connected, or about to be as soon as the flows have started. */
  get trying(): boolean {
    const { phase } = this.state;
    if (phase === 'idle') return !this.#hasFlows && this.autoConnect && this.#current.client !== undefined;
    return phase === 'connecting' || phase === 'waiting';
  }

  /** Whether `msg.broker` may change the settings without `force`: nothing is connected or being connected. */
  get changeable(): boolean {
    const { phase } = this.state;
    return phase !== 'connected' && phase !== 'connecting';
  }

  get subscriptions(): readonly {
    readonly filter: string;
    readonly ref: string;
    readonly options: SubscriptionOptions;
  }[] {
    return this.#wishes.list.map(({ filter, subscriber, options }) => ({ filter, ref: subscriber.ref, options }));
  }

  /** Calls `listener` on every change of the state; returns what ends that. */
  onState(listener: (state: ClientState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Milliseconds, as `ClientOptions.lateReceivers`. */
  get #lateReceivers(): number {
    const mayCome = this.#deploying || [...this.users].some(({ subscribesLate }) => subscribesLate);
    if (!mayCome) return 0;
    return this.settings.awaitsDisk ? GRACE_TIME_BY_DISK : GRACE_TIME;
  }

  /** Whether others than this one subscribe by it, at QoS 1 or 2. */
  hasOtherSubscribers(subscriber: Subscriber): boolean {
    return this.#wishes.hasOthers(subscriber);
  }

  register(user: User): void {
    this.#leaving = false;
    this.users.add(user);
    if (user.publishes) this.#outboxLight.begin();
    this.#showAt(user);
    user.takeUp?.();
    this.#autoConnect();
  }

  /** @param removed the node is gone for good: without any node the connection ends, when the broker has what waits. */
  async deregister(user: User, removed: boolean): Promise<void> {
    user.show(statusOf({ phase: 'idle' }, true));
    this.users.delete(user);
    if (this.users.size > 0) return;
    this.#course.forget();
    if (!removed) return;
    // Others may be closed for a deploy, and come back.
    if (this.#deploying) this.#mayBeUnused = true;
    else await this.#leave();
  }

  /** A deploy gave it to another object of its node: what fails is told to the new flows too, and tried at once. */
  handedOver(): void {
    this.#isHandedOver = true;
  }

  /** A deploy closes nodes. */
  flowsStopping(): void {
    this.#deploying = true;
  }

  /** A deploy makes nodes: what they subscribe counts when all of them exist. */
  flowsStarting(): void {
    this.#current.client?.beginDeploy();
  }

  /** All nodes of the deploy exist: what a session holds finds them, and what none took up again is unsubscribed. */
  flowsStarted(): void {
    this.#hasFlows = true;
    this.#deploying = false;
    // One that is made anew and has no node does not connect.
    this.#mayBeUnused ||= this.#isHandedOver;
    this.#leaveIfLeft();
    this.#autoConnect();
    this.#prune();
    if (this.problem !== undefined) this.#reports.failed(this.problem);
    if (this.#isHandedOver) this.#beginAnew();
  }

  /** A deploy ends without new nodes: nobody waits for those that it closed. */
  flowsUnstarted(): void {
    this.#deploying = false;
    this.#leaveIfLeft();
    this.#current.client?.prune();
  }

  /** Takes other settings for the next attempt to connect. */
  configure(broker: BrokerOverride): void {
    this.settings.override(broker);
    this.#current.outdate();
  }

  /** As {@link Course.connect}. */
  async connect(): Promise<void> {
    await this.#opening;
    await this.#course.connect();
  }

  /** As {@link Course.disconnect}. */
  disconnect(): Promise<void> {
    return this.#course.disconnect();
  }

  /** As {@link Course.destroy}. */
  destroy(): Promise<void> {
    return this.#course.destroy();
  }

  /** The session is being opened: there is no client yet. */
  get isOpening(): boolean {
    return this.#opening !== undefined;
  }

  /** Keeps a message until the session is open, as far as there is room in the outbox. */
  whenOpen(message: EarlyMessage): void {
    const problem = this.#early.add(message);
    if (problem !== undefined) this.#failures.add(() => message.done(problem));
  }

  /**
   * The session goes on elsewhere behind `move`: the client lets go of it, and another one takes it up. Within about 2 s.
   * Not in a deploy, in which messages wait in the client for nodes that come back: then it stays where it is.
   */
  async moveSession(move: () => void): Promise<void> {
    if (this.#deploying) return;
    await this.#course.replace(move);
  }

  /** `done` as `settle` of {@link Client.publish}; failures are told some in each turn of the event loop. */
  publish(request: PublishRequest, done: (error?: Error) => void, settledBy: SettledBy = 'server'): void {
    const { client, problem } = this.#current;
    if (client === undefined) this.#failures.add(() => done(problem ?? closed()));
    // Nothing is made around it for each message: in flight it would be one more thing to collect.
    else client.publish(request, done, settledBy);
  }

  /** @throws {MqttError} `invalid-filter` or `invalid-options`. */
  subscribe(
    filter: string,
    subscriber: Subscriber,
    options: SubscriptionOptions,
    outcome: OutcomeListener,
  ): Subscription {
    return this.#wishes.add({ filter, subscriber, options, outcome });
  }

  /** Ends what the subscriber with this reference wants of a filter. */
  unsubscribe(filter: string, ref: string): void {
    this.#wishes.end(filter, ref, 'unsubscribe');
  }

  /** As {@link unsubscribe}; in a deploy, who subscribes again with this reference misses nothing of what comes meanwhile. */
  release(filter: string, ref: string): void {
    this.#wishes.end(filter, ref, this.#deploying ? 'release' : 'unsubscribe');
  }

  /** What the session keeps of a subscriber, by its reference: nothing as long as it is not open, nor in a clean one. */
  keptWishes(ref: string): readonly StoredWish[] {
    return this.#kept.of(ref);
  }

  /** The session keeps what a subscriber was told by a message to want; a clean one does not. */
  keepWish(wish: StoredWish): void {
    this.#kept.save(wish);
  }

  /** As {@link KeptWishes.remove}. */
  forgetWish(ref: string, filter?: TopicFilter): void {
    this.#kept.remove(ref, filter);
  }

  /**
   * Ends the client for good, within about 3 s, or 8 where its session is not open yet. What is stored stays in the store, and with the broker what it is told
   * to keep.
   */
  async close(): Promise<void> {
    this.#outboxLight.end();
    if (this.#opening !== undefined) await atMost(LONGEST_OPENING_AT_END, this.#opening, this.#wait);
    // No store has them: nobody else would ever send them.
    this.#opening = undefined;
    for (const { done } of this.#early.take()) this.#failures.add(() => done(closed()));
    await this.#course.close(flag(this.settings.stored.autoUnsubscribe, true));
    this.#reports.end();
  }

  /** A message of a node failed that is gone with its flow: told as one of an earlier life. */
  lost(error: unknown): void {
    this.#reports.lost(error instanceof Error ? error : new Error(textOf(error)));
  }

  /** Resolves when every message that failed has been told so. */
  told(): Promise<void> {
    return this.#failures.idle();
  }

  /** No node uses it behind a deploy, also where that made the connection anew, or Node-RED just began. */
  #leaveIfLeft(): void {
    const waits = (this.#current.client?.waiting ?? 0) > 0;
    const isUnused = this.users.size === 0 && (this.#mayBeUnused || waits);
    this.#mayBeUnused = false;
    if (!isUnused) return;
    if (waits && this.autoConnect) this.#course.connectByItself();
    // It never rejects: an end of a client has no failure.
    void this.#leave();
  }

  /** As if it were made by this deploy. */
  #beginAnew(): void {
    this.#isHandedOver = false;
    this.#reports.forget();
    if (this.problem !== undefined) this.#reports.failed(this.problem);
    // It never rejects: an end of a client has no failure.
    void this.#course.hurry();
  }

  #opened(): void {
    // Closed before it was open, it has no client any more.
    if (this.#opening === undefined) return;
    this.#opening = undefined;
    this.#current.begin();
    // Before what came meanwhile: QoS 0 is refused where nothing tries to connect.
    this.#autoConnect();
    for (const { publish } of this.#early.take()) publish();
    if (this.#hasFlows && !this.#deploying) this.#leaveIfLeft();
  }

  async #leave(): Promise<void> {
    const waiting = this.#current.client?.waiting ?? 0;
    if (waiting === 0) return this.#course.pause();
    this.#leaving = true;
    this.#reports.unused(waiting, this.state.phase !== 'idle');
  }

  #leaveIfUnused(): void {
    if (!this.#leaving) return;
    this.#leaving = false;
    // It never rejects: an end of a client has no failure.
    void this.#course.pause();
  }

  #autoConnect(): void {
    if (this.#hasFlows && this.autoConnect && this.users.size > 0) this.#course.connectByItself();
  }

  /** False only where there is a certificate, and a person turned its check off. */
  get #verified(): boolean {
    const { server = '', tls } = this.#current.options ?? {};
    return tls?.rejectUnauthorized !== false || !isSecureUrl(server);
  }

  #replaced(client: Client | undefined, problem: MqttError | undefined): void {
    const { store, cleanStart } = this.#current.options ?? {};
    if (store !== undefined) this.#kept.serveBy(store, cleanStart === false);
    this.#wishes.serveBy(client);
    for (const user of this.users) user.takeUp?.();
    // Nobody else comes for what the session has subscribed, unless nodes are being made.
    if (this.#hasFlows && !this.#deploying) this.#prune();
    if (problem === undefined) return;
    this.numbers.failedToConnect(problem, Date.now());
    // Before all nodes exist no Catch node hears it.
    if (this.#hasFlows && !this.#deploying) this.#reports.failed(problem);
    this.#show();
  }

  /** All nodes exist: nobody comes any more for what is kept, and for what nobody took up again. */
  #prune(): void {
    if (this.#current.client === undefined) return;
    const told = [...this.users].filter(({ takeUp }) => takeUp !== undefined);
    const there = new Set(told.map(({ node }) => node.id));
    this.#kept.prune((ref) => there.has(ref));
    this.#current.client.prune();
  }

  #changed(state: ClientState): void {
    this.#show();
    this.#tell(state);
    for (const listener of this.#listeners) listener(state);
  }

  #tell(state: ClientState): void {
    switch (state.phase) {
      case 'connected':
        return this.#reports.connected(this.#current.client?.clientId ?? '', state.server);
      case 'waiting':
        this.#reports.parted();
        return this.#reports.failed(state.cause);
      case 'idle':
      case 'closed':
        return this.#reports.parted();
      case 'connecting':
      case 'closing':
        return undefined;
    }
  }

  #show(): void {
    for (const user of this.users) this.#showAt(user);
  }

  #showAt(user: User): void {
    user.show(user.publishes ? withOutbox(this.status, this.#outboxLight.text) : this.status);
  }

  get #publishers(): User[] {
    return [...this.users].filter(({ publishes }) => publishes);
  }
}

function closed(): MqttError {
  return new MqttError('closed', 'the connection was closed');
}
