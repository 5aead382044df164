import type { NodeMessage } from 'node-red';
import { MqttError, parseTopicFilter, shownText, type StoredWish, textOf } from '../../src/index.ts';
import { LateMap } from '../../src/util/late-map.ts';
import { type Datatype, datatypeOf } from '../common/decode.ts';
import type { SharedConnection } from '../mqtt-connection/shared-connection.ts';
import type { Intake } from './intake.ts';
import { type StoredSubscription, subscriptionOptions } from '../common/subscription-options.ts';

/** A subscription as messages name it, and as `getSubscriptions` and `msg.subscriptions` list it. */
export interface DynamicSubscription extends StoredSubscription {
  readonly topic: string;
  readonly datatype?: unknown;
}

/** Anything may come in; {@link requested} looks at what it is. */
type ActionMsg = Omit<NodeMessage, 'topic'> & {
  action?: unknown;
  topic?: unknown;
  subscriptions?: readonly DynamicSubscription[];
};

type Send = (msg: NodeMessage) => void;
type Done = (error?: Error) => void;

/** As it is listed, and as the session keeps it; its note is its datatype, empty for the node's own. */
interface Current {
  readonly listed: DynamicSubscription;
  readonly wish: StoredWish;
}

/** The actions `subscribe`, `unsubscribe` and `getSubscriptions` of an mqtt-in, and what they did when it was another object. */
export class DynamicSubscriptions {
  readonly #intake: Intake;
  readonly #connection: SharedConnection;
  readonly #current = new LateMap<string, Current>();

  constructor(intake: Intake, connection: SharedConnection) {
    this.#intake = intake;
    this.#connection = connection;
  }

  /** What was subscribed by messages, in the order in which it was. */
  get list(): DynamicSubscription[] {
    return [...this.#current.values()].map(({ listed }) => listed);
  }

  /** Subscribes what the session keeps of this node, and keeps in it what it does not: it may be another session. */
  takeUp(): void {
    const kept = this.#connection.keptWishes(this.#intake.ref);
    for (const { wish } of this.#current.values()) this.#connection.keepWish(wish);
    const others = kept.filter(({ filter }) => !this.#current.has(filter));
    const [first, ...more] = others.flatMap((wish) => this.#restore(wish) ?? []);
    if (first === undefined) return;
    const which = more.length === 0 ? '' : `, and ${more.length} more`;
    this.#intake.node.warn(`a subscription of before is not taken up again: ${first}${which}`);
  }

  run(msg: ActionMsg, send: Send, done: Done): void {
    try {
      this.#run(msg, send);
    } catch (error) {
      return done(error instanceof Error ? error : new MqttError('invalid-message', String(error)));
    }
    done();
  }

  #run(msg: ActionMsg, send: Send): void {
    switch (msg.action) {
      case 'subscribe':
        for (const subscription of requested(msg.topic)) this.#subscribe(subscription);
        // Seen by Complete nodes.
        msg.subscriptions = this.list;
        return;
      case 'unsubscribe':
        for (const { topic } of msg.topic === true ? this.list : requested(msg.topic)) this.#unsubscribe(topic);
        // Also what the session has, where that is not open yet.
        if (msg.topic === true) this.#connection.forgetWish(this.#intake.ref);
        msg.subscriptions = this.list;
        return;
      case 'getSubscriptions':
        send(Object.assign(msg, { topic: 'subscriptions', payload: this.list }));
        return;
      default:
        throw new MqttError('invalid-message', 'Invalid action specified');
    }
  }

  #subscribe(subscription: DynamicSubscription): void {
    const { topic, datatype } = subscription;
    const options = subscriptionOptions(subscription, 2);
    const note = optionalDatatype(datatype) ?? '';
    const wish = { ref: this.#intake.ref, filter: parseTopicFilter(topic), options, note };
    this.#add(wish, subscription);
    this.#connection.keepWish(wish);
  }

  /** @returns why not, if the connection takes it no more, such as No Local on a shared subscription; it is forgotten then. */
  #restore(wish: StoredWish): string | undefined {
    const { ref, filter, options, note } = wish;
    try {
      this.#add(wish, { topic: filter, ...(note !== '' && { datatype: note }), ...(options.noLocal && { nl: true }) });
      return undefined;
    } catch (error) {
      this.#connection.forgetWish(ref, filter);
      return shownText(textOf(error));
    }
  }

  /** @throws {MqttError} as {@link Intake.add}. */
  #add(wish: StoredWish, asked: DynamicSubscription): void {
    const { filter, options, note } = wish;
    this.#intake.add(filter, options, optionalDatatype(note));
    this.#current.set(filter, { wish, listed: { ...asked, ...this.#asListed(wish, asked) } });
  }

  #unsubscribe(topic: string): void {
    this.#intake.remove(topic);
    this.#current.delete(topic);
    this.#connection.forgetWish(this.#intake.ref, parseTopicFilter(topic));
  }

  #asListed({ options }: StoredWish, { nl }: StoredSubscription): StoredSubscription {
    const { qos, retainHandling: rh, retainAsPublished: rap, noLocal } = options;
    if (!this.#connection.mqtt5) return { qos };
    return { qos, rh, rap, ...(nl !== undefined && { nl: noLocal }) };
  }
}

function optionalDatatype(value: unknown): Datatype | undefined {
  return value === undefined || value === null || value === '' ? undefined : datatypeOf(value);
}

/** A topic, a subscription, or a list of either; all are checked before any is acted on. */
function requested(topic: unknown): readonly DynamicSubscription[] {
  if (typeof topic !== 'string' && (typeof topic !== 'object' || topic === null)) {
    throw new MqttError('invalid-message', 'msg.topic is missing or invalid');
  }
  const list: readonly unknown[] = Array.isArray(topic) ? topic : [topic];
  return list.map((item) => {
    const subscription: unknown = typeof item === 'string' ? { topic: item } : item;
    if (!isSubscription(subscription)) throw new MqttError('invalid-filter', 'Invalid topic specified');
    checkFilter(subscription.topic);
    return subscription;
  });
}

function checkFilter(filter: string): void {
  try {
    parseTopicFilter(filter);
  } catch (error) {
    throw new MqttError('invalid-filter', `Invalid topic specified: ${textOf(error)}`, { cause: error });
  }
}

function isSubscription(value: unknown): value is DynamicSubscription {
  return typeof value === 'object' && value !== null && 'topic' in value && typeof value.topic === 'string';
}
