import type { Node } from 'node-red';
import { type OutcomeListener, shownText, type SubscriptionOptions, textOf } from '../../src/index.ts';
import { CallbackSubscriber, type MessageCallback } from './callback-subscriber.ts';
import type { SharedConnection } from './shared-connection.ts';

/** Those who subscribe by `brokerConn.subscribe`, by their reference; each is kept as long as it wants something. */
export class CallbackSubscribers {
  readonly #node: Node;
  readonly #connection: SharedConnection;
  readonly #byRef = new Map<string, CallbackSubscriber>();

  /** @param node reports what a callback throws. */
  constructor(node: Node, connection: SharedConnection) {
    this.#node = node;
    this.#connection = connection;
  }

  /** What cannot be subscribed is an error of the node: who asks may do so on a timer, where an exception ends Node-RED. */
  subscribe(filter: string, options: SubscriptionOptions, callback: MessageCallback | undefined, ref: string): void {
    const subscriber = this.#byRef.get(ref) ?? new CallbackSubscriber(ref, this.#node);
    // First the callback: a message may wait for this subscription.
    subscriber.on(filter, callback);
    this.#byRef.set(ref, subscriber);
    try {
      this.#connection.subscribe(filter, subscriber, options, this.#refusals(filter));
    } catch (error) {
      this.#forget(filter, ref);
      this.#refused(filter, textOf(error));
    }
  }

  /** @param removed false: who subscribed may come back, in a deploy, and misses nothing then. */
  unsubscribe(filter: string, ref: string, removed: boolean): void {
    if (removed) this.#connection.unsubscribe(filter, ref);
    else this.#connection.release(filter, ref);
    this.#forget(filter, ref);
  }

  /** Its node ends: who subscribed by it may come back by the next one, and misses nothing then. */
  end(): void {
    for (const [ref, subscriber] of this.#byRef) {
      for (const filter of subscriber.filters) this.unsubscribe(filter, ref, false);
    }
  }

  /** The broker answers anew on each connection: one refusal is told once. */
  #refusals(filter: string): OutcomeListener {
    let told: string | undefined;
    return (outcome) => {
      const refusal = outcome.granted ? undefined : outcome.error.message;
      if (refusal !== undefined && refusal !== told) this.#refused(filter, refusal);
      told = refusal;
    };
  }

  #refused(filter: string, why: string): void {
    this.#node.error(`another node could not subscribe ${shownText(filter)}: ${why}`);
  }

  #forget(filter: string, ref: string): void {
    const subscriber = this.#byRef.get(ref);
    subscriber?.off(filter);
    if (subscriber?.idle === true) this.#byRef.delete(ref);
  }
}
