import type { Node } from 'node-red';
import {
  Client,
  type ClientOptions,
  type ClientState,
  type ConnackPacket,
  MqttError,
  type OutcomeListener,
  parseTopicFilter,
  type PublishRequest,
  type Receiver,
  type Settle,
  type Subscription,
  type SubscriptionOptions,
  textOf,
} from '../../src/index.ts';
import type { BrokerOverride } from '../common/broker-override.ts';
import { catchError } from './catch-error.ts';
import { isSecureUrl } from '../common/broker-address.ts';
import { flag } from '../common/stored.ts';
import { failure, type NodeStatus, statusOf } from '../common/status.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import { nextAttempt } from './next-attempt.ts';

/** A flow node that uses the connection. */
export interface User {
  readonly node: Node;
  /** The connection's status changed; a node with trouble of its own shows that instead. */
  show(status: NodeStatus): void;
}

/** Who subscribes: gets the messages, and is found again by its reference. */
export interface Subscriber extends Receiver {
  /** The id of its node. */
  readonly ref: string;
}

/** A hold that stays good when the client behind it is replaced. */
export interface Hold {
  unsubscribe(): void;
  /** The node goes, but the broker keeps the subscription until the node is back or is found gone. */
  release(): void;
}

/** What a subscriber wants, whichever client serves it. */
interface Wish {
  readonly filter: string;
  readonly subscriber: Subscriber;
  readonly options: SubscriptionOptions;
  readonly outcome: OutcomeListener;
  subscription: Subscription | undefined;
}

/** How a connection talks to the person who runs it. */
export interface Reporter {
  log(text: string): void;
  error(text: string): void;
}

const LOCAL: ReadonlySet<unknown> = new Set(['localhost', '127.0.0.1']);

/** What the config node shares with the flow nodes: one client, its status for all, and each failure told once. */
export class SharedConnection {
  readonly users = new Set<User>();
  readonly settings: ConnectionSettings;
  readonly #wishes = new Map<Subscriber, Map<string, Wish>>();
  readonly #reporter: Reporter;
  #options: ClientOptions | undefined;
  #client: Client | undefined;
  /** Why there is no client: the settings make no sense. */
  #problem: MqttError | undefined;
  /** The settings are not those of the client any more. */
  #outdated = false;
  /** What changes the client happens one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #hasFlows = false;
  /** A flow disconnected: only a flow connects again. */
  #parted = false;
  /** The failure that was told last; told again only when it changed. */
  #told = '';
  /** Where the client is connected, in words. */
  #connectedTo: string | undefined;

  constructor(settings: ConnectionSettings, reporter: Reporter) {
    this.settings = settings;
    this.#reporter = reporter;
    this.#begin();
  }

  /** Connect when the flows have started and a node uses the connection. */
  get autoConnect(): boolean {
    return flag(this.settings.stored.autoConnect, true);
  }

  get state(): ClientState {
    return this.#client?.state ?? { phase: 'idle' };
  }

  /** What the broker answered to CONNECT, while connected. */
  get connack(): ConnackPacket | undefined {
    return this.#client?.connack;
  }

  get protocolVersion(): 3 | 4 | 5 | undefined {
    return this.#client?.protocolVersion;
  }

  get mqtt5(): boolean {
    return this.protocolVersion === 5;
  }

  /** The broker is on this host by name; mqtt-in then tells the topic in `msg._topic` too. */
  get local(): boolean {
    return LOCAL.has(this.settings.stored.broker);
  }

  get status(): NodeStatus {
    if (this.#problem !== undefined) return failure(this.#problem);
    return statusOf(this.state, this.#verified);
  }

  /** Connected, being connected, or about to be as soon as the flows have started. */
  get trying(): boolean {
    const { phase } = this.state;
    if (phase === 'idle') return !this.#hasFlows && this.autoConnect && this.#client !== undefined;
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
    return this.#allWishes().map(({ filter, subscriber, options }) => ({ filter, ref: subscriber.ref, options }));
  }

  register(user: User): void {
    this.users.add(user);
    user.show(this.status);
    this.#autoConnect();
  }

  /** @param removed the node is gone for good: without any node the connection ends. */
  async deregister(user: User, removed: boolean): Promise<void> {
    user.show(statusOf({ phase: 'idle' }, true));
    this.users.delete(user);
    if (this.users.size > 0) return;
    if (removed) await this.#inTurn(() => this.#endConnection());
    this.#parted = false;
  }

  /** All nodes of the deploy exist: what a session holds finds them, and what none took up again is unsubscribed. */
  flowsStarted(): void {
    this.#hasFlows = true;
    this.#autoConnect();
    this.#client?.prune();
  }

  /** Changes the settings for the next `connect`. */
  configure(broker: BrokerOverride): void {
    this.settings.override(broker);
    this.#outdated = true;
  }

  /**
   * Resolves when connected. A connection that is up stays as it is.
   * @throws {MqttError} why the first attempt failed; further attempts follow.
   */
  async connect(): Promise<void> {
    let attempt: Promise<void> | undefined;
    await this.#inTurn(async () => {
      this.#parted = false;
      attempt = nextAttempt(await this.#readyClient());
      this.#client?.connect();
    });
    await attempt;
  }

  /** Ends the connection in order, within about 2 s, until a flow connects again. */
  async disconnect(): Promise<void> {
    this.#parted = true;
    await this.#inTurn(() => this.#endConnection());
  }

  /** Ends the network connection at once, without a goodbye, so that the broker publishes the will. */
  async destroy(): Promise<void> {
    this.#client?.destroy();
    await this.disconnect();
  }

  /** `settle` as for {@link Client.publish}. */
  publish(request: PublishRequest, settle: Settle): void {
    if (this.#client === undefined) settle(this.#problem, 0);
    else this.#client.publish(request, settle);
  }

  /** @throws {MqttError} `invalid-filter` or `invalid-options`. */
  subscribe(filter: string, subscriber: Subscriber, options: SubscriptionOptions, outcome: OutcomeListener): Hold {
    parseTopicFilter(filter);
    const subscription = this.#client?.subscribe(filter, subscriber, options, outcome);
    const wish: Wish = { filter, subscriber, options, outcome, subscription };
    const own = this.#wishes.get(subscriber) ?? new Map<string, Wish>();
    this.#wishes.set(subscriber, own.set(filter, wish));
    return {
      unsubscribe: () => this.#forget(wish)?.unsubscribe(),
      release: () => this.#forget(wish)?.release(),
    };
  }

  /** Ends what the subscriber with this reference wants of a filter. */
  unsubscribe(filter: string, ref: string): void {
    for (const wish of this.#allWishes()) {
      if (wish.filter === filter && wish.subscriber.ref === ref) this.#forget(wish)?.unsubscribe();
    }
  }

  /** Ends the client, within about 2 s. What is stored stays in the store, and with the broker what it is told to keep. */
  async close(): Promise<void> {
    const unsubscribe = flag(this.settings.stored.autoUnsubscribe, true);
    await this.#inTurn(async () => this.#client?.close(unsubscribe));
  }

  #autoConnect(): void {
    if (this.#hasFlows && this.autoConnect && !this.#parted && this.users.size > 0) this.#client?.connect();
  }

  /** A client with the settings of now, at rest or connected. */
  async #readyClient(): Promise<Client> {
    if (this.#outdated) await this.#renew();
    if (this.#client === undefined) throw this.#problem ?? new MqttError('closed', 'the connection was closed');
    // Asked for, the next attempt does not wait until the pause after the last one is over.
    if (this.state.phase === 'waiting') await this.#client.disconnect();
    return this.#client;
  }

  async #endConnection(): Promise<void> {
    await this.#client?.disconnect();
  }

  /** Another client takes over the store with its messages, and what the nodes subscribed. */
  async #renew(): Promise<void> {
    this.#outdated = false;
    await this.#client?.close();
    this.#begin();
    for (const wish of this.#allWishes()) {
      // It was accepted before, and what is a valid filter does not depend on the settings.
      wish.subscription = this.#client?.subscribe(wish.filter, wish.subscriber, wish.options, wish.outcome);
    }
  }

  #begin(): void {
    this.#client = undefined;
    this.#problem = undefined;
    try {
      this.#options = this.settings.options();
      this.#client = new Client(this.#options);
    } catch (error) {
      this.#problem = error instanceof MqttError ? error : new MqttError('invalid-options', textOf(error));
      this.#tell(this.#problem);
      this.#show();
      return;
    }
    const client = this.#client;
    client.onState((state) => {
      if (client === this.#client) this.#changed(state);
    });
  }

  #allWishes(): Wish[] {
    return [...this.#wishes.values()].flatMap((own) => [...own.values()]);
  }

  /** The subscription behind a wish, unless a later wish of the subscriber took its place. */
  #forget(wish: Wish): Subscription | undefined {
    const own = this.#wishes.get(wish.subscriber);
    if (own?.get(wish.filter) !== wish) return undefined;
    own.delete(wish.filter);
    if (own.size === 0) this.#wishes.delete(wish.subscriber);
    return wish.subscription;
  }

  /** False only where there is a certificate, and a person turned its check off. */
  get #verified(): boolean {
    const { server = '', tls } = this.#options ?? {};
    return tls?.rejectUnauthorized !== false || !isSecureUrl(server);
  }

  #changed(state: ClientState): void {
    this.#show();
    switch (state.phase) {
      case 'connected':
        this.#told = '';
        this.#connectedTo = `${this.#client?.clientId ?? ''}@${state.server}`;
        return this.#reporter.log(`Connected to broker: ${this.#connectedTo}`);
      case 'waiting':
        this.#parting();
        return this.#tell(state.cause);
      case 'idle':
      case 'closed':
        return this.#parting();
      case 'connecting':
      case 'closing':
        return undefined;
    }
  }

  #show(): void {
    for (const user of this.users) user.show(this.status);
  }

  #parting(): void {
    if (this.#connectedTo === undefined) return;
    this.#reporter.log(`Disconnected from broker: ${this.#connectedTo}`);
    this.#connectedTo = undefined;
  }

  /** To the log, and once to each flow's Catch nodes, however many nodes of it use the connection. */
  #tell(error: MqttError): void {
    if (error.message === this.#told) return;
    this.#told = error.message;
    this.#reporter.error(error.message);
    const flows = new Set<string | undefined>();
    for (const { node } of this.users) {
      if (flows.has(node.z)) continue;
      flows.add(node.z);
      catchError(node, error, {});
    }
  }

  /** Runs `work` when what was begun before is over; its failure is the caller's alone. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
