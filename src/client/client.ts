import { ClientClosed, MqttError, textOf } from '../protocol/errors.ts';
import type { ConnackPacket, Message, ProtocolVersion, SubscriptionOptions } from '../protocol/packet.ts';
import { parseShare, parseTopicFilter, type TopicFilter } from '../protocol/topic.ts';
import { type Receiver, Router } from '../router/router.ts';
import type { Settle } from '../session/outgoing.ts';
import { Session } from '../session/session.ts';
import { Lifecycle } from './lifecycle.ts';
import { parseMessage, type PublishRequest } from './message.ts';
import { type ClientOptions, parseOptions, type Settings } from './options.ts';
import { whyRefused } from './outbox.ts';
import type { ClientState } from './state.ts';
import type { OutcomeListener } from './outcome.ts';
import { Subscriptions } from './subscriptions.ts';

/** A receiver's hold on a filter. */
export interface Subscription {
  readonly filter: TopicFilter;
  /** The filter is not wanted any more: unsubscribed when nobody else wants it. */
  unsubscribe(): void;
  /** The receiver goes, but the Server keeps the subscription until a new one takes it up, or {@link Client.prune}. */
  release(): void;
}

/** An MQTT client: owns session and subscriptions, keeps a connection up, and tells its state. */
export class Client {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #subscriptions: Subscriptions;
  readonly #lifecycle: Lifecycle;
  readonly #listeners = new Set<(state: ClientState) => void>();

  /** @throws {MqttError} `invalid-options`, `invalid-topic` or `invalid-message`, naming option and value. */
  constructor(options: ClientOptions) {
    this.#settings = parseOptions(options);
    const router = new Router();
    this.#session = new Session(
      this.#settings.store,
      (packet) => router.deliver(packet),
      (error) => {
        if (error !== undefined) this.#settings.restored(error);
      },
    );
    this.#subscriptions = new Subscriptions(
      router,
      this.#settings.filtersPerSubscribe,
      this.#settings.store,
      this.#settings.subscribeUserProperties,
      this.#settings.random,
    );
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
    return this.#session.count;
  }

  /** Keeps a connection up from now on. */
  connect(): void {
    this.#lifecycle.start();
  }

  /** Ends the connection in order, within about 2 s; messages at QoS 1 and 2 wait for the next `connect`. */
  async disconnect(): Promise<void> {
    await this.#lifecycle.stop('idle');
    this.#session.dropUnsent(new MqttError('offline', 'not sent: disconnected', { retryable: true }));
  }

  /**
   * Ends everything, within about 2 s. Every message that waits is settled with {@link ClientClosed}; the stored stay stored.
   * @param unsubscribe whether the Server forgets the subscriptions first, which it otherwise keeps with the session.
   */
  async close(unsubscribe: boolean = false): Promise<void> {
    if (unsubscribe) this.#subscriptions.clear();
    await this.#lifecycle.stop('closed');
    this.#session.dropUnsent(new ClientClosed(false));
    this.#session.abandon(new ClientClosed(true));
  }

  /** Ends the network connection at once, without DISCONNECT, so that the Server publishes the Will. */
  destroy(): void {
    this.#lifecycle.destroy();
  }

  /**
   * Publishes a message. `settle` is called exactly once: without an error when the Server has the message (QoS 0: when
   * the socket took it), with one when it never will: invalid, expired, rejected, not allowed by the Server, outbox full,
   * QoS 0 while offline, or closed. It may be called before `publish` returns.
   */
  publish(request: PublishRequest, settle: Settle): void {
    const message = this.#accept(request, settle);
    if (message === undefined) return;
    const seconds = message.properties?.messageExpiryInterval;
    this.#session.accept(message, seconds === undefined ? undefined : Date.now() + seconds * 1000, settle);
    this.#lifecycle.wake();
  }

  /**
   * Subscribes `receiver` to `filter`, now and after every reconnect. `outcome` hears each answer of the Server.
   * @throws {MqttError} `invalid-filter`, or `invalid-options` for No Local on a shared subscription.
   */
  subscribe(filter: string, receiver: Receiver, options: SubscriptionOptions, outcome: OutcomeListener): Subscription {
    const parsed = parseTopicFilter(filter);
    if (options.noLocal && parseShare(parsed) !== undefined) {
      throw new MqttError('invalid-options', `${filter} is a shared subscription, which cannot have No Local`);
    }
    this.#subscriptions.add(parsed, receiver, options, outcome);
    this.#session.incoming.offerHeld();
    this.#lifecycle.wake();
    return {
      filter: parsed,
      unsubscribe: () => {
        this.#subscriptions.remove(parsed, receiver);
        this.#lifecycle.wake();
      },
      release: () => {
        this.#subscriptions.release(parsed, receiver);
        this.#lifecycle.hold();
      },
    };
  }

  /** Unsubscribes what was released and not taken up again. */
  prune(): void {
    this.#subscriptions.prune();
    this.#lifecycle.wake();
  }

  /** Calls `listener` on every change of the state; returns the function that ends this. */
  onState(listener: (state: ClientState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #accept(request: PublishRequest, settle: Settle): Message | undefined {
    try {
      const message = parseMessage(request);
      const refusal = this.#refusal(message);
      if (refusal === undefined) return message;
      settle(refusal, 0);
    } catch (error) {
      settle(error instanceof Error ? error : new Error(textOf(error)), 0);
    }
    return undefined;
  }

  #refusal(message: Message): MqttError | undefined {
    const { state } = this;
    if (state.phase === 'closed') return new ClientClosed(false);
    return whyRefused(message, this.#session, this.#settings.outbox, state);
  }

  #tell(state: ClientState): void {
    for (const listener of this.#listeners) listener(state);
  }
}
