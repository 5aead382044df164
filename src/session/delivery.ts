import type { AckCommand, PacketId, PublishPacket } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';
import { type Handout, type Receiver, type Vacancy, Work, type Workable } from '../router/router.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import { fingerprintOf, graver, type IdDoubt, isRepetition } from './repetition.ts';
import { sizeOfProperties } from '../store/message-size.ts';
import type { NextAcknowledgement } from './outgoing-message.ts';

/** Hands a message to its receivers, and notes them; false if nobody has it, and nobody will. */
export type Deliver = (packet: PublishPacket, handout?: Handout) => boolean;

/** Whether `receiver` still wants the messages of `filter`. */
export type Wants = (receiver: Receiver, filter: TopicFilter) => boolean;

/** Who took the place of the receiver with this `ref` by another filter that matches the topic. */
export type Successor = (
  ref: string,
  topic: string,
) => { readonly receiver: Receiver; readonly filter: TopicFilter } | undefined;

/** What a delivery asks of those who know the receivers. */
export interface Receivers {
  readonly deliver: Deliver;
  readonly wants: Wants;
  readonly successor: Successor;
  readonly give: Give;
}

/** Hands a message to one receiver of `filter`, whatever that does with it. */
export type Give = (receiver: Receiver, packet: PublishPacket, filter: TopicFilter, workable: Workable) => void;

/**
 * How far a delivery is: handed out, while those who have it may still be taken away within this turn; held for somebody
 * who is awaited, at most until a moment of `Clock.now`; at work, when everybody has it and not all are done with it; done,
 * when the acknowledgement may leave.
 */
export type DeliveryState =
  | { readonly step: 'handed-out' }
  | { readonly step: 'held'; readonly until: number }
  | { readonly step: 'at-work' }
  | { readonly step: 'done' };

/** Told that a delivery is done which was at work. */
export type WorkDone = (delivery: Delivery) => void;

const NOBODY: readonly never[] = [];
const HANDED_OUT: DeliveryState = { step: 'handed-out' };
const AT_WORK: DeliveryState = { step: 'at-work' };
const DONE: DeliveryState = { step: 'done' };

/** One received message at QoS 1 or 2, from its arrival to its acknowledgement (4.3). */
export class Delivery implements Handout, NextAcknowledgement {
  readonly cmd: AckCommand;
  readonly packetId: PacketId;
  /** Rises with what comes; 0: it needs no receiver. */
  readonly number: number;
  reasonCode: number = ReasonCode.Success;
  readonly topic: string;
  /** Bytes of topic, payload and properties. */
  readonly size: number;
  /** Its acknowledgement has its place among those of this connection, and has not left: until then the id is its own. */
  isInTurn = false;
  /** It is a QoS 2 message once more, and needs an answer alone; `over`: not any more, its id may be another message's. */
  repetition: 'no' | 'open' | 'over' = 'no';
  /** At QoS 2, where an id may have been another message's in another session; and of what somebody works on. */
  fingerprint: number | undefined;
  state: DeliveryState = HANDED_OUT;
  /** Kept while somebody may still have to get it. */
  #packet: PublishPacket | undefined;
  /** Nearly every message is for one receiver: it costs no list. */
  #first: Receiver | undefined;
  #others: readonly Receiver[] = NOBODY;
  #vacancies: readonly Vacancy[] = NOBODY;
  /** What receivers are not done with. */
  #works: readonly Work[] = NOBODY;
  readonly #workDone: WorkDone | undefined;
  #isLost = false;
  /** Nobody wants it, but somebody may still come who does. */
  #unclaimed = false;
  /** It may have come in another session than the one that the Server has now. */
  #doubt: IdDoubt | undefined;

  constructor(packet: PublishPacket, packetId: PacketId, number: number, workDone?: WorkDone) {
    this.number = number;
    this.cmd = packet.qos === 1 ? 'puback' : 'pubrec';
    this.packetId = packetId;
    this.topic = packet.topic;
    this.size = sizeOf(packet);
    this.fingerprint = packet.qos === 2 ? fingerprintOf(packet) : undefined;
    this.#packet = packet;
    this.#workDone = workDone;
  }

  /** What needs no receiver: a message that cannot be taken in. */
  static done(packet: PublishPacket, packetId: PacketId): Delivery {
    const delivery = new Delivery(packet, packetId, 0);
    delivery.#finish();
    return delivery;
  }

  /** The answer to one that came before. */
  static repeated(packet: PublishPacket, packetId: PacketId): Delivery {
    const delivery = Delivery.done(packet, packetId);
    delivery.repetition = 'open';
    return delivery;
  }

  had(receiver: Receiver): void {
    if (this.#first === undefined) this.#first = receiver;
    else this.#others = [...this.#others, receiver];
  }

  awaits(vacancy: Vacancy): void {
    this.#vacancies = [...this.#vacancies, vacancy];
  }

  /** Kept as long as somebody works on it, or may still have to get it. */
  get packet(): PublishPacket | undefined {
    return this.#packet;
  }

  begin(): Work {
    const work = new Work(this);
    if (this.#isLost) work.void('lost');
    this.#works = [...this.#works, work];
    return work;
  }

  workEnded(work: Work, reasonCode: number): void {
    this.#works = this.#works.filter((other) => other !== work);
    if (reasonCode > this.reasonCode) this.reasonCode = reasonCode;
    if (this.state.step !== 'at-work' || this.#works.length > 0) return;
    this.#finish();
    this.#workDone?.(this);
  }

  /** A receiver refused it (3.4.2.1, 3.5.2.1): the Server does not send it again. */
  get isRefused(): boolean {
    return this.reasonCode >= 0x80;
  }

  /** No acknowledgement waits for what receivers do any more: whoever ends his work is told why. He has the message until then. */
  void(why: 'lost' | 'left'): void {
    for (const work of this.#works) work.void(why);
    this.#isLost = why === 'lost';
  }

  get isWorkedOn(): boolean {
    return this.#works.length > 0;
  }

  /** Whether its session is lost: nobody but its receivers has it. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Nobody wanted it: it waits for somebody who may come. */
  unclaimed(): void {
    this.#unclaimed = true;
  }

  get isUnclaimed(): boolean {
    return this.#unclaimed;
  }

  /** Whether it has to wait for somebody. */
  get awaiting(): boolean {
    return this.#unclaimed || this.#vacancies.length > 0;
  }

  /** Whether `receiver` was handed it within this turn. */
  isWith(receiver: Receiver): boolean {
    return this.#first === receiver || this.#others.includes(receiver);
  }

  /** A receiver was taken away before it could do anything with the message. */
  takeBack(receiver: Receiver): void {
    if (this.#first === receiver) this.#first = undefined;
    this.#others = this.#others.filter((other) => other !== receiver);
  }

  /** The turn is over: whoever was handed the message has it. If somebody is missing, it is held. */
  handedOver(until: number): void {
    if (!this.awaiting) return this.#everybodyHasIt();
    this.#forgetReceivers();
    this.hold(until);
  }

  /** Waits for those who are missing. */
  hold(until: number): void {
    this.#keep();
    this.state = { step: 'held', until };
  }

  /** Hands it to those who came back or are new; who is found gone is not waited for. Then it is handed out again. */
  offer(receivers: Receivers): void {
    const packet = this.#packet;
    if (packet === undefined) return;
    for (const vacancy of this.#vacancies) this.#offerTo(vacancy, packet, receivers);
    if (this.#unclaimed) this.#claim(packet, receivers.deliver);
    if (!this.awaiting) this.state = HANDED_OUT;
  }

  /** Nobody is waited for any more. */
  giveUp(): void {
    this.#vacancies = NOBODY;
    this.#unclaimed = false;
    this.#everybodyHasIt();
  }

  get doubt(): IdDoubt | undefined {
    return this.#doubt;
  }

  /** The Server's session may be another than the one in which it came. */
  doubted(doubt: IdDoubt): void {
    this.#doubt = graver(this.#doubt, doubt);
  }

  /** The Server sent it again: the session is the one in which it came. */
  confirm(): void {
    this.#doubt = undefined;
  }

  /** Whether `packet` is this message once more: sent again because it was not acknowledged (4.4). */
  isRepeatedBy(packet: PublishPacket): boolean {
    if (packet.topic !== this.topic || sizeOf(packet) !== this.size) return false;
    // At QoS 2 the id tells (4.3.3), and some Servers forget DUP.
    if (this.cmd === 'pubrec') {
      return packet.qos === 2 && (this.#doubt === undefined || isRepetition(this.#doubt, this.fingerprint, packet));
    }
    // At QoS 1 some Servers number anew on each connection: there the content tells, which is known of what somebody works
    // on. Of the rest each is taken for another message, and may be: twice is better than never.
    return packet.qos === 1 && packet.dup && (this.isInTurn || this.#hasContentOf(packet));
  }

  #offerTo(vacancy: Vacancy, packet: PublishPacket, receivers: Receivers): void {
    if (vacancy.state === 'awaited') return;
    // Before it is called: one that throws does not get the message again, and the others still do.
    this.#vacancies = this.#vacancies.filter((other) => other !== vacancy);
    const next = takerOf(vacancy, packet.topic, receivers);
    if (next === undefined || this.isWith(next.receiver)) return;
    this.had(next.receiver);
    receivers.give(next.receiver, packet, next.filter, this);
  }

  #claim(packet: PublishPacket, deliver: Deliver): void {
    this.#unclaimed = false;
    if (!deliver(packet, this)) this.#unclaimed = true;
  }

  #hasContentOf(packet: PublishPacket): boolean {
    const fingerprint = this.#packet === undefined ? this.fingerprint : fingerprintOf(this.#packet);
    return fingerprint !== undefined && fingerprint === fingerprintOf(packet);
  }

  #everybodyHasIt(): void {
    if (this.#works.length === 0) return this.#finish();
    this.#keep();
    // Sent again when the work is over, it is known by that.
    if (this.#packet !== undefined) this.fingerprint ??= fingerprintOf(this.#packet);
    this.#forgetReceivers();
    this.state = AT_WORK;
  }

  /** The packet is copied: it must not keep the chunk alive that it came in. */
  #keep(): void {
    if (this.#packet === undefined || this.state.step === 'held') return;
    this.#packet = { ...this.#packet, payload: Buffer.from(this.#packet.payload) };
  }

  #finish(): void {
    this.state = DONE;
    this.#packet = undefined;
    this.#forgetReceivers();
  }

  #forgetReceivers(): void {
    this.#first = undefined;
    this.#others = NOBODY;
  }
}

/** Who came back to the place, or, with another filter, in its place. */
function takerOf({ state, ref }: Vacancy, topic: string, { wants, successor }: Receivers): ReturnType<Successor> {
  if (state === 'awaited') return undefined;
  if (state === 'given-up') return ref === undefined ? undefined : successor(ref, topic);
  return wants(state.receiver, state.filter) ? state : undefined;
}

function sizeOf({ topic, payload, properties }: PublishPacket): number {
  return topic.length + payload.length + (properties === undefined ? 0 : sizeOfProperties(properties));
}
