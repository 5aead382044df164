import type { Node } from 'node-red';
import type { SubscriptionOptions } from '../../src/index.ts';
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

  /** @throws {MqttError} `invalid-filter` or `invalid-options`; nothing has changed then. */
  subscribe(filter: string, options: SubscriptionOptions, callback: MessageCallback | undefined, ref: string): void {
    const subscriber = this.#byRef.get(ref) ?? new CallbackSubscriber(ref, this.#node);
    // First the callback: a message may wait for this subscription.
    subscriber.on(filter, callback);
    this.#byRef.set(ref, subscriber);
    try {
      this.#connection.subscribe(filter, subscriber, options, ignore);
    } catch (error) {
      this.#forget(filter, ref);
      throw error;
    }
  }

  unsubscribe(filter: string, ref: string): void {
    this.#connection.unsubscribe(filter, ref);
    this.#forget(filter, ref);
  }

  #forget(filter: string, ref: string): void {
    const subscriber = this.#byRef.get(ref);
    subscriber?.off(filter);
    if (subscriber?.idle === true) this.#byRef.delete(ref);
  }
}

function ignore(): void {
  // What the broker answers, the connection's own status and log say.
}
