import type { Node } from 'node-red';
import {
  Client,
  type ClientOptions,
  type ClientState,
  MqttError,
  type OutcomeListener,
  type PublishRequest,
  type Receiver,
  type Settle,
  type Subscription,
  type SubscriptionOptions,
  textOf,
} from '../../src/index.ts';
import { catchError } from '../common/catch-error.ts';
import { failure, type NodeStatus, statusOf } from '../common/status.ts';

/** A flow node that uses the connection. */
export interface User {
  readonly node: Node;
  /** The connection's status changed; a node with trouble of its own shows that instead. */
  show(status: NodeStatus): void;
}

/** A hold that stays good when the client behind it is replaced. */
export interface Hold {
  unsubscribe(): void;
  /** The node goes, but the broker keeps the subscription until the node is back or is found gone. */
  release(): void;
}

interface Wish {
  readonly filter: string;
  readonly receiver: Receiver;
  readonly options: SubscriptionOptions;
  readonly outcome: OutcomeListener;
  subscription: Subscription | undefined;
}

/** How a connection talks to the person who runs it. */
export interface Reporter {
  log(text: string): void;
  error(text: string): void;
}

/** What the config node shares with the flow nodes: one client, its status for all, and each failure told once. */
export class SharedConnection {
  readonly users = new Set<User>();
  readonly #wishes = new Map<Receiver, Map<string, Wish>>();
  readonly #reporter: Reporter;
  readonly #makeOptions: () => ClientOptions;
  #options: ClientOptions | undefined;
  #client: Client | undefined;
  /** Why there is no client: the settings make no sense. */
  #problem: MqttError | undefined;
  /** The failure that was told last; told again only when it changed. */
  #told = '';
  #hasFlows = false;

  /**
   * @param makeOptions called for every client; what it throws is shown like any other reason not to be connected.
   * @param autoConnect connect when the flows have started and a node uses the connection.
   */
  constructor(
    makeOptions: () => ClientOptions,
    readonly autoConnect: boolean,
    reporter: Reporter,
  ) {
    this.#makeOptions = makeOptions;
    this.#reporter = reporter;
    this.#renew();
  }

  get client(): Client | undefined {
    return this.#client;
  }

  get state(): ClientState {
    return this.#client?.state ?? { phase: 'idle' };
  }

  get mqtt5(): boolean {
    return this.#client?.protocolVersion === 5;
  }

  get status(): NodeStatus {
    if (this.#problem !== undefined) return failure(this.#problem);
    return statusOf(this.state, this.#verified);
  }

  register(user: User): void {
    this.users.add(user);
    user.show(this.status);
    if (this.#hasFlows && this.autoConnect) this.#client?.connect();
  }

  /** @param removed the node is gone for good: without any node the connection ends. */
  async deregister(user: User, removed: boolean): Promise<void> {
    this.users.delete(user);
    if (removed && this.users.size === 0) await this.#client?.disconnect();
  }

  /** All nodes of the deploy exist: what a session holds finds them, and what none took up again is unsubscribed. */
  flowsStarted(): void {
    this.#hasFlows = true;
    if (this.autoConnect && this.users.size > 0) this.#client?.connect();
    this.#client?.prune();
  }

  /** `settle` as for {@link Client.publish}. */
  publish(request: PublishRequest, settle: Settle): void {
    if (this.#client === undefined) settle(this.#problem, 0);
    else this.#client.publish(request, settle);
  }

  /** @throws {MqttError} `invalid-filter` or `invalid-options`. */
  subscribe(filter: string, receiver: Receiver, options: SubscriptionOptions, outcome: OutcomeListener): Hold {
    const subscription = this.#client?.subscribe(filter, receiver, options, outcome);
    const wish: Wish = { filter, receiver, options, outcome, subscription };
    const own = this.#wishes.get(receiver) ?? new Map<string, Wish>();
    this.#wishes.set(receiver, own.set(filter, wish));
    return {
      unsubscribe: () => this.#forget(wish)?.unsubscribe(),
      release: () => this.#forget(wish)?.release(),
    };
  }

  /** Ends the client, within about 2 s. What is stored stays in the store. */
  async close(): Promise<void> {
    await this.#client?.close();
  }

  /** The subscription behind a wish, unless a later wish of the receiver took its place. */
  #forget(wish: Wish): Subscription | undefined {
    const own = this.#wishes.get(wish.receiver);
    if (own?.get(wish.filter) !== wish) return undefined;
    own.delete(wish.filter);
    if (own.size === 0) this.#wishes.delete(wish.receiver);
    return wish.subscription;
  }

  /** False only where there is a certificate, and a person turned its check off. */
  get #verified(): boolean {
    const { server = '', tls } = this.#options ?? {};
    return tls?.rejectUnauthorized !== false || !/^(mqtts|wss|ssl|tls):/i.test(server);
  }

  #renew(): void {
    try {
      this.#options = this.#makeOptions();
      this.#client = new Client(this.#options);
      this.#problem = undefined;
    } catch (error) {
      this.#client = undefined;
      this.#problem = error instanceof MqttError ? error : new MqttError('invalid-options', textOf(error));
      this.#tell(this.#problem);
      return;
    }
    this.#client.onState((state) => this.#changed(state));
  }

  #changed(state: ClientState): void {
    for (const user of this.users) user.show(this.status);
    switch (state.phase) {
      case 'connected':
        this.#told = '';
        return this.#reporter.log(`Connected to broker: ${this.#client?.clientId ?? ''}@${state.server}`);
      case 'waiting':
        return this.#tell(state.cause);
      case 'idle':
      case 'connecting':
      case 'closing':
      case 'closed':
        return undefined;
    }
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
}
