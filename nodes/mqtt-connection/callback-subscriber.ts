import type { Node } from 'node-red';
import { type PublishPacket, textOf, type TopicFilter } from '../../src/index.ts';
import type { Subscriber } from './wishes.ts';

/** Who subscribes by `brokerConn.subscribe`: told topic, payload and packet. */
export type MessageCallback = (topic: string, payload: Buffer, packet: PublishPacket) => void;

/** Another package's node that subscribes through the config node, as it does with Node-RED's own. */
export class CallbackSubscriber implements Subscriber {
  readonly ref: string;
  readonly #node: Node;
  readonly #callbacks = new Map<string, MessageCallback | undefined>();

  /** @param node reports what a callback throws. */
  constructor(ref: string, node: Node) {
    this.ref = ref;
    this.#node = node;
  }

  /** Whether it wants nothing any more. */
  get idle(): boolean {
    return this.#callbacks.size === 0;
  }

  get filters(): readonly string[] {
    return [...this.#callbacks.keys()];
  }

  on(filter: string, callback: MessageCallback | undefined): void {
    this.#callbacks.set(filter, callback);
  }

  off(filter: string): void {
    this.#callbacks.delete(filter);
  }

  receive(packet: PublishPacket, filter: TopicFilter): void {
    try {
      // A copy: the memory of a packet is another one's in a later turn.
      const copy = { ...packet, payload: Buffer.from(packet.payload) };
      this.#callbacks.get(filter)?.(packet.topic, copy.payload, copy);
    } catch (error) {
      this.#node.error(`a subscriber to ${filter} failed: ${textOf(error)}`);
    }
  }
}
