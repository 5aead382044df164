import type { NodeMessage } from 'node-red';
import { MqttError, parseTopicFilter, type SubscriptionOptions, textOf } from '../../src/index.ts';
import { type Datatype, datatypeOf } from '../common/decode.ts';
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

/** The actions `subscribe`, `unsubscribe` and `getSubscriptions` of an mqtt-in. */
export class DynamicSubscriptions {
  readonly #intake: Intake;
  readonly #mqtt5: () => boolean;
  readonly #current = new Map<string, DynamicSubscription>();

  /** @param mqtt5 whether the options that only MQTT 5 has mean something. */
  constructor(intake: Intake, mqtt5: () => boolean) {
    this.#intake = intake;
    this.#mqtt5 = mqtt5;
  }

  /** What was subscribed by messages, in the order in which it was. */
  get list(): DynamicSubscription[] {
    return [...this.#current.values()];
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
    this.#intake.add(topic, options, optionalDatatype(datatype));
    this.#current.set(topic, { ...subscription, ...this.#asListed(options, subscription) });
  }

  #unsubscribe(topic: string): void {
    this.#intake.remove(topic);
    this.#current.delete(topic);
  }

  #asListed(options: SubscriptionOptions, { nl }: StoredSubscription): StoredSubscription {
    const { qos, retainHandling: rh, retainAsPublished: rap, noLocal } = options;
    if (!this.#mqtt5()) return { qos };
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
