import {
  type Client,
  MqttError,
  type OutcomeListener,
  parseTopicFilter,
  type Receiver,
  type Subscription,
  type SubscriptionOptions,
  textOf,
} from '../../src/index.ts';

/** Who subscribes: gets the messages, and is found again by its reference. */
export interface Subscriber extends Receiver {
  /** The id of its node. */
  readonly ref: string;
  /** Its flow says when it is done with a message; else it is when it has it. */
  readonly works?: boolean | undefined;
}

/** What a subscriber wants, whichever client serves it. */
export interface Wish {
  readonly filter: string;
  readonly subscriber: Subscriber;
  readonly options: SubscriptionOptions;
  readonly outcome: OutcomeListener;
}

/** A wish with the subscription that serves it now. */
interface Served extends Wish {
  subscription: Subscription | undefined;
}

/** What the subscribers of a connection want. It outlives each client, and each new one is told all of it. */
export class Wishes {
  readonly #bySubscriber = new Map<Subscriber, Map<string, Served>>();
  #client: Client | undefined;

  get list(): readonly Wish[] {
    return this.#all();
  }

  /** Whether somebody else than this one wants something at QoS 1 or 2. */
  hasOthers(subscriber: Subscriber): boolean {
    return this.#all().some((wish) => wish.subscriber !== subscriber && wish.options.qos > 0);
  }

  /** Whether the flow of a subscriber says when it is done with a message. */
  get work(): boolean {
    return [...this.#bySubscriber.keys()].some(({ works }) => works === true);
  }

  /**
   * Adds a wish, in place of an earlier one of the same subscriber for the same filter.
   * @returns what ends it, and stays good when the client behind it is replaced.
   * @throws {MqttError} `invalid-filter` or `invalid-options`; nothing has changed then.
   */
  add(wish: Wish): Subscription {
    const filter = parseTopicFilter(wish.filter);
    const served: Served = { ...wish, subscription: this.#subscribe(wish) };
    const own = this.#bySubscriber.get(wish.subscriber) ?? new Map<string, Served>();
    this.#bySubscriber.set(wish.subscriber, own.set(wish.filter, served));
    return {
      filter,
      unsubscribe: () => this.#forget(served)?.unsubscribe(),
      release: (arrived) => this.#forget(served)?.release(arrived),
    };
  }

  /** Ends what the subscriber with this reference wants of a filter. `release`: one with the same reference may come. */
  end(filter: string, ref: string, how: 'unsubscribe' | 'release'): void {
    for (const wish of this.#all()) {
      if (wish.filter === filter && wish.subscriber.ref === ref) this.#forget(wish)?.[how]();
    }
  }

  /** From here on this client serves all wishes; without one they wait. */
  serveBy(client: Client | undefined): void {
    this.#client = client;
    for (const wish of this.#all()) wish.subscription = this.#subscribeOrTell(wish);
  }

  /** What a client with other settings does not accept, such as an option of another version, concerns one node alone. */
  #subscribeOrTell(wish: Wish): Subscription | undefined {
    try {
      return this.#subscribe(wish);
    } catch (thrown) {
      const error = thrown instanceof MqttError ? thrown : new MqttError('invalid-options', textOf(thrown));
      wish.outcome({ granted: false, error });
      return undefined;
    }
  }

  #subscribe({ filter, subscriber, options, outcome }: Wish): Subscription | undefined {
    return this.#client?.subscribe(filter, subscriber, options, outcome);
  }

  /** The subscription behind a wish, unless a later wish of the subscriber took its place. */
  #forget(wish: Served): Subscription | undefined {
    const own = this.#bySubscriber.get(wish.subscriber);
    if (own?.get(wish.filter) !== wish) return undefined;
    own.delete(wish.filter);
    if (own.size === 0) this.#bySubscriber.delete(wish.subscriber);
    return wish.subscription;
  }

  #all(): Served[] {
    return [...this.#bySubscriber.values()].flatMap((own) => [...own.values()]);
  }
}
