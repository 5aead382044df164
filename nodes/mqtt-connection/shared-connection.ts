import type { Node } from 'node-red';
import {
  type Client,
  type ClientState,
  type ConnackPacket,
  MqttError,
  type OutcomeListener,
  type PublishRequest,
  type Settle,
  type Subscription,
  type SubscriptionOptions,
  textOf,
} from '../../src/index.ts';
import { isSecureUrl } from '../common/broker-address.ts';
import type { BrokerOverride } from '../common/broker-override.ts';
import { failure, type NodeStatus, statusOf } from '../common/status.ts';
import { flag } from '../common/stored.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import { CurrentClient } from './current-client.ts';
import { nextAttempt } from './next-attempt.ts';
import { type Reporter, Reports } from './reports.ts';
import { Spread } from './spread.ts';
import { Turns } from './turns.ts';
import { type Subscriber, Wishes } from './wishes.ts';

/** A flow node that uses the connection. */
export interface User {
  readonly node: Node;
  /** The connection's status changed; a node with trouble of its own shows that instead. */
  show(status: NodeStatus): void;
}

const LOCAL: ReadonlySet<unknown> = new Set(['localhost', '127.0.0.1']);

/** What the config node shares with the flow nodes: when to connect, the status for all, and one client behind it. */
export class SharedConnection {
  readonly users = new Set<User>();
  readonly settings: ConnectionSettings;
  readonly #wishes = new Wishes();
  readonly #reports: Reports;
  readonly #current: CurrentClient;
  /** What changes the client happens one after the other. */
  readonly #turns = new Turns();
  /** Messages that failed: there may be very many at once. */
  readonly #failures: Spread;
  /** `parted`: a flow disconnected, and only a flow connects again. `closed`: for good. */
  #wanted: 'open' | 'parted' | 'closed' = 'open';
  #hasFlows = false;

  constructor(settings: ConnectionSettings, reporter: Reporter) {
    this.settings = settings;
    this.#reports = new Reports(reporter, () => [...this.users].map(({ node }) => node));
    this.#failures = new Spread((error) => reporter.error(`a failed message could not be told: ${textOf(error)}`));
    this.#current = new CurrentClient({
      options: () => ({
        ...settings.options(),
        report: (notice) => this.#reports.notice(notice),
        restored: (error) => this.#failures.add(() => this.#reports.lost(error)),
      }),
      replaced: (client, problem) => this.#replaced(client, problem),
      changed: (state) => this.#changed(state),
    });
    this.#current.begin();
  }

  /** Connect when the flows have started and a node uses the connection. */
  get autoConnect(): boolean {
    return flag(this.settings.stored.autoConnect, true);
  }

  get state(): ClientState {
    return this.#current.client?.state ?? { phase: 'idle' };
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
    if (removed) await this.#turns.run(() => this.#endConnection());
    if (this.#wanted === 'parted') this.#wanted = 'open';
  }

  /** All nodes of the deploy exist: what a session holds finds them, and what none took up again is unsubscribed. */
  flowsStarted(): void {
    this.#hasFlows = true;
    this.#autoConnect();
    this.#current.client?.prune();
  }

  /** Takes other settings for the next attempt to connect. */
  configure(broker: BrokerOverride): void {
    this.settings.override(broker);
    this.#current.outdate();
  }

  /**
   * Resolves when connected. A connection that is up stays as it is.
   * @throws {MqttError} why the first attempt failed; further attempts follow. `closed`, when the connection is.
   */
  async connect(): Promise<void> {
    const { attempt } = await this.#turns.run(() => this.#begin());
    await attempt;
  }

  /** Ends the connection in order, within about 2 s, until a flow connects again. */
  async disconnect(): Promise<void> {
    if (this.#wanted === 'open') this.#wanted = 'parted';
    await this.#turns.run(() => this.#endConnection());
  }

  /** Ends the network connection at once, without a goodbye, so that the broker publishes the will. */
  async destroy(): Promise<void> {
    this.#current.client?.destroy();
    await this.disconnect();
  }

  /** `settle` as for {@link Client.publish}; failures are told some in each turn of the event loop. */
  publish(request: PublishRequest, settle: Settle): void {
    const settled: Settle = (error, reasonCode) => {
      if (error === undefined) settle(undefined, reasonCode);
      else this.#failures.add(() => settle(error, reasonCode));
    };
    const { client, problem } = this.#current;
    if (client === undefined) settled(problem, 0);
    else client.publish(request, settled);
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
    this.#wishes.end(filter, ref);
  }

  /**
   * Ends the client for good, within about 2 s. What is stored stays in the store, and with the broker what it is told
   * to keep.
   */
  async close(): Promise<void> {
    this.#wanted = 'closed';
    const unsubscribe = flag(this.settings.stored.autoUnsubscribe, true);
    await this.#turns.run(async () => this.#current.client?.close(unsubscribe));
  }

  /** Resolves when every message that failed has been told so. */
  told(): Promise<void> {
    return this.#failures.idle();
  }

  #autoConnect(): void {
    if (this.#hasFlows && this.autoConnect && this.#wanted === 'open' && this.users.size > 0) {
      this.#current.client?.connect();
    }
  }

  async #begin(): Promise<{ attempt: Promise<void> }> {
    const client = await this.#readyClient();
    this.#wanted = 'open';
    const attempt = nextAttempt(client);
    client.connect();
    return { attempt };
  }

  /** A client with the settings of now, at rest or connected. Meanwhile the connection may have been closed for good. */
  async #readyClient(): Promise<Client> {
    this.#mustNotBeClosed();
    await this.#current.renew();
    const { client, problem } = this.#current;
    if (client === undefined) throw problem ?? closed();
    // Asked for, the next attempt does not wait until the pause after the last one is over.
    if (client.state.phase === 'waiting') await client.disconnect();
    this.#mustNotBeClosed();
    return client;
  }

  #mustNotBeClosed(): void {
    if (this.#wanted === 'closed') throw closed();
  }

  async #endConnection(): Promise<void> {
    // A client that was closed has none.
    if (this.#wanted !== 'closed') await this.#current.client?.disconnect();
  }

  /** False only where there is a certificate, and a person turned its check off. */
  get #verified(): boolean {
    const { server = '', tls } = this.#current.options ?? {};
    return tls?.rejectUnauthorized !== false || !isSecureUrl(server);
  }

  #replaced(client: Client | undefined, problem: MqttError | undefined): void {
    this.#wishes.serveBy(client);
    if (problem === undefined) return;
    this.#reports.failed(problem);
    this.#show();
  }

  #changed(state: ClientState): void {
    this.#show();
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
    for (const user of this.users) user.show(this.status);
  }
}

function closed(): MqttError {
  return new MqttError('closed', 'the connection was closed');
}
