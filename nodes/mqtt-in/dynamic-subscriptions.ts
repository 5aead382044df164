import type { NodeMessage } from 'node-red';
import { MqttError, parseTopicFilter } from '../../src/index.ts';
import { type Datatype, datatypeOf } from '../common/decode.ts';
import type { Intake } from './intake.ts';
import { type StoredSubscription, subscriptionOptions } from './subscription-options.ts';

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
  readonly #current = new Map<string, DynamicSubscription>();

  constructor(intake: Intake) {
    this.#intake = intake;
  }

  run(msg: ActionMsg, send: Send, done: Done): void {
    try {
      this.#run(msg, send);
      done();
    } catch (error) {
      done(error instanceof Error ? error : new MqttError('invalid-message', String(error)));
    }
  }

  #run(msg: ActionMsg, send: Send): void {
    switch (msg.action) {
      case 'subscribe':
        for (const subscription of requested(msg.topic)) this.#subscribe(subscription);
        // Seen by Complete nodes.
        msg.subscriptions = [...this.#current.values()];
        return;
      case 'unsubscribe':
        for (const { topic } of msg.topic === true ? [...this.#current.values()] : requested(msg.topic)) {
          this.#intake.remove(topic);
          this.#current.delete(topic);
        }
        msg.subscriptions = [...this.#current.values()];
        return;
      case 'getSubscriptions':
        send(Object.assign(msg, { topic: 'subscriptions', payload: [...this.#current.values()] }));
        return;
      default:
        throw new MqttError('invalid-message', `Invalid action specified: ${JSON.stringify(msg.action)}`);
    }
  }

  #subscribe(subscription: DynamicSubscription): void {
    const { topic } = subscription;
    const options = subscriptionOptions(subscription, 2);
    this.#intake.add(topic, options, optionalDatatype(subscription.datatype));
    const { qos, retainAsPublished: rap, retainHandling: rh } = options;
    this.#current.set(topic, { ...subscription, qos, rap, rh });
  }
}

function optionalDatatype(value: unknown): Datatype | undefined {
  return value === undefined ? undefined : datatypeOf(value);
}

/** A topic, a subscription, or a list of either; all are checked before any is acted on. */
function requested(topic: unknown): readonly DynamicSubscription[] {
  const list: readonly unknown[] = Array.isArray(topic) ? topic : [topic];
  return list.map((item) => {
    const subscription: unknown = typeof item === 'string' ? { topic: item } : item;
    if (!isSubscription(subscription)) throw new MqttError('invalid-message', 'msg.topic is missing or invalid');
    parseTopicFilter(subscription.topic);
    return subscription;
  });
}

function isSubscription(value: unknown): value is DynamicSubscription {
  return typeof value === 'object' && value !== null && 'topic' in value && typeof value.topic === 'string';
}
