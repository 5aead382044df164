import type { PacketId, PublishPacket } from '../protocol/packet.ts';
import { Queue } from '../util/queue.ts';
import { Delivery } from './delivery.ts';

/** Acknowledgements of one kind and connection: they leave in the order of their messages [MQTT-4.6.0-2, -3]. */
export class AcknowledgementOrder {
  readonly #queue = new Queue<Delivery>();
  /** Answers to messages at QoS 2 that came once more: one for each id. */
  readonly #again = new Map<PacketId, Delivery>();
  /** All of those that are in the queue, also where the exchange is over. */
  #answers = 0;
  #pushed = 0;
  #shifted = 0;

  /** Those that came so far; and those of them that left, all before any that came later. */
  get pushed(): number {
    return this.#pushed;
  }

  get shifted(): number {
    return this.#shifted;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Whether something may leave now. */
  get isDue(): boolean {
    return this.#queue.peek()?.state.step === 'done';
  }

  /** Messages that are kept, or wait behind one that is. */
  get behindKept(): number {
    const step = this.#queue.peek()?.state.step;
    return step === 'held' || step === 'at-work' ? this.#queue.length - this.#answers : 0;
  }

  push(delivery: Delivery): void {
    delivery.isInTurn = true;
    this.#pushed += 1;
    this.#queue.push(delivery);
  }

  /** A message came once more whose answer has left, or has its place: one more for all that come until it leaves. */
  pushAgain(packet: PublishPacket, packetId: PacketId): void {
    if (this.#again.has(packetId)) return;
    const answer = Delivery.repeated(packet, packetId);
    this.#again.set(packetId, answer);
    this.#answers += 1;
    this.push(answer);
  }

  /** What comes under the id from now on is another message: what waits to be answered once more is not any more. */
  exchangeIsOver(packetId: PacketId): void {
    const answer = this.#again.get(packetId);
    if (answer === undefined) return;
    answer.repetition = 'over';
    this.#again.delete(packetId);
  }

  /** The next that may leave; it is {@link taken} when it does. */
  next(): Delivery | undefined {
    while (this.#queue.peek()?.repetition === 'over') this.#shift();
    return this.isDue ? this.#queue.peek() : undefined;
  }

  taken(): void {
    const delivery = this.#shift();
    if (delivery?.repetition === 'open') this.#again.delete(delivery.packetId);
  }

  /** The connection is gone. */
  clear(): void {
    for (const delivery of this.#queue.drain()) delivery.isInTurn = false;
    this.#shifted = this.#pushed;
    this.#again.clear();
    this.#answers = 0;
  }

  #shift(): Delivery | undefined {
    const delivery = this.#queue.shift();
    if (delivery === undefined) return undefined;
    this.#shifted += 1;
    delivery.isInTurn = false;
    if (delivery.repetition !== 'no') this.#answers -= 1;
    return delivery;
  }
}
