import { MqttError, protocolError } from '../protocol/errors.ts';
import type { AckPacket, PacketId, PublishPacket } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import type { Receiver, Vacancy } from '../router/router.ts';
import type { SessionStore, StoredReceived } from '../store/session-store.ts';
import { InOrder } from '../util/in-order.ts';
import { Queue } from '../util/queue.ts';
import { RecentMap } from '../util/recent-map.ts';
import { AcknowledgementOrder } from './acknowledgement-order.ts';
import { Delivery, type Receivers } from './delivery.ts';
import { MOST_ANSWERS, type NextAcknowledgement } from './outgoing-message.ts';
import type { IdDoubt } from './repetition.ts';
import { Received } from './received.ts';

/** Milliseconds that a deploy may take to bring receivers back: Node-RED gives each node 15 s to close. */
const DEPLOY_TIME = 30_000;

/**
 * Milliseconds behind which a Server is asked whether it is still there, and has sent again by its answer what it has of a
 * session that is doubted: it does so first (4.4). What it sends under such an id later is another message.
 */
const DOUBT_TIME = 30_000;

/** Beyond so many messages that are held, or wait behind one, or so many bytes, nothing more is read. */
export const MOST_UNACKNOWLEDGED = 1000;
export const MOST_HELD_BYTES = 16 * 1024 * 1024;

/**
 * The same while flows work on messages and the Server has not answered what we publish: its answers come behind what it
 * sends, and a flow may acknowledge when it has one. Bytes with what a message costs beside its content.
 */
export const MOST_WHILE_AWAITING = 100_000;
export const MOST_BYTES_WHILE_AWAITING = 128 * 1024 * 1024;
const COST = 700;

export interface IncomingOptions {
  readonly store: SessionStore;
  /** Of an earlier client. */
  readonly received: readonly StoredReceived[];
  readonly receivers: Receivers;
  readonly report: (notice: MqttError) => void;
  /** Receivers are done with what can be acknowledged now, outside of any turn of the connection. */
  readonly workDone: () => void;
}

/** A receiver that goes, and may come back. */
export interface Released {
  readonly receiver: Receiver;
  /** Its place, if somebody may come for it. */
  readonly vacancy: Vacancy | undefined;
  /** Whether it had the messages of a topic by what is released. */
  readonly matches: (topic: string) => boolean;
  /** Asked behind this turn: whether what it was handed within it arrived all the same. Not given: it did not. */
  readonly arrived: (() => boolean) | undefined;
}

/** The receiving half of a session (4.3): who gets a message, and when it is acknowledged. */
export class Incoming {
  readonly #receivers: Receivers;
  readonly #report: (notice: MqttError) => void;

  // Valid for the session.
  readonly #received: Received;
  /** What is not acknowledged, by packet id: sent again, on this connection or a later one, it is not started a second time. */
  readonly #open = new RecentMap<Delivery>();
  readonly #held = new InOrder<Delivery>();
  /** Until when those are held at least: none of them is given up before. */
  #heldUntil = Infinity;
  /** What receivers are not done with. */
  readonly #atWork = new InOrder<Delivery>();
  /** Those of them whose session is lost. */
  readonly #lost = new Set<Delivery>();
  /** Of what is held or at work. */
  #keptBytes = 0;
  /** Handed out within this turn, in order; and how many there were in all, and before. */
  readonly #handedOut = new Queue<Delivery>();
  #handed = 0;
  #handedOver = 0;
  /** Messages that came and were new. */
  #came = 0;
  /** What was taken from receivers within this turn: for the next one in their place, unless it arrived. */
  #taken: { readonly delivery: Delivery; readonly vacancy: Vacancy; readonly arrived: () => boolean }[] = [];
  /** Until then a message that nobody wants waits; until then a deploy may bring receivers back. */
  #graceUntil = -Infinity;
  #deployUntil: number | undefined;
  /** When the Server is to be asked, see {@link DOUBT_TIME}; undefined: it was, or nothing is in doubt. */
  #doubtUntil: number | 'due' | undefined;

  // Valid for the connection.
  #receiveMaximum = Infinity;
  readonly #pubacks = new AcknowledgementOrder();
  readonly #pubrecs = new AcknowledgementOrder();
  readonly #pubcomps = new Queue<NextAcknowledgement>();
  /** Who waits until what came so far is acknowledged: how many that is of each kind. */
  readonly #awaiting = new Queue<{
    readonly pubacks: number;
    readonly pubrecs: number;
    readonly reached: () => void;
  }>();
  /** QoS 2 messages that came and are not released: what counts for the Receive Maximum. */
  readonly #unreleased = new Set<PacketId>();

  readonly #workDone = (delivery: Delivery): void => {
    this.#letGo(delivery);
    this.#own(delivery);
    this.#changed();
  };
  readonly #changed: () => void;

  constructor({ store, received, receivers, report, workDone }: IncomingOptions) {
    this.#changed = workDone;
    this.#received = new Received(store, received);
    this.#receivers = receivers;
    this.#report = report;
  }

  /**
   * A new connection, with our own Receive Maximum (3.1.2.11.3): the Server's quota begins anew.
   * @param doubt given if the Server's session may not be ours as it is: an id of before may be another message's, see
   *   {@link isRepetition}.
   */
  begin(receiveMaximum: number, now: number, doubt?: IdDoubt): void {
    this.#receiveMaximum = receiveMaximum;
    if (doubt !== undefined) this.#doubt(doubt);
    this.#doubtUntil = this.#isDoubting ? now + DOUBT_TIME : undefined;
  }

  /** From now on, for a while, a message at QoS 1 or 2 that nobody wants waits for somebody who may come. */
  grace(now: number, milliseconds: number): void {
    this.#graceUntil = now + milliseconds;
  }

  /** The connection is gone: the Server sends again what was not acknowledged. */
  suspend(): void {
    this.#pubacks.clear();
    this.#pubrecs.clear();
    this.#pubcomps.drain();
    this.#awaiting.drain();
    this.#unreleased.clear();
  }

  /** The Server has no session, and knows no id any more. What is held was received, and is still handed out. */
  reset(): void {
    this.#received.clear();
    this.#open.clear();
    this.#void('lost');
  }

  /**
   * Somebody else goes on: what was handed out is on record, and what is held or at work comes to them from the Server,
   * unless the session ends with this client.
   */
  leave(now: number, isOver: boolean): void {
    const why = isOver ? 'lost' : 'left';
    this.#deployUntil = undefined;
    // What is held is not offered any more.
    this.#abandon(why);
    this.handedOver(this.#handed, now);
    this.#abandon(why);
    // What ends from here on is the next one's to record.
    this.#open.clear();
  }

  receivePublish(packet: PublishPacket, now: number): void {
    const { packetId } = packet;
    if (packetId === undefined) {
      this.#receivers.deliver(packet);
      return;
    }
    const repeated = this.#repetition(packet, packetId);
    if (repeated !== undefined) return this.#answerRepetition(repeated, packet, packetId);
    this.#count(packet, packetId);
    this.#deliverNew(packet, packetId, now);
  }

  /**
   * A message that cannot be taken in: it is acknowledged in its turn, and nobody gets it.
   * @returns whether it is a new one.
   */
  skip(packet: PublishPacket): boolean {
    const { packetId } = packet;
    if (packetId === undefined) return true;
    const repeated = this.#repetition(packet, packetId);
    if (repeated !== undefined) this.#answerRepetition(repeated, packet, packetId);
    else this.#skipNew(packet, packetId);
    return repeated === undefined;
  }

  #skipNew(packet: PublishPacket, packetId: PacketId): void {
    this.#count(packet, packetId);
    const delivery = Delivery.done(packet, packetId);
    this.#open.set(packetId, delivery);
    this.#own(delivery);
    this.#acknowledgeInTurn(delivery);
  }

  /**
   * It comes once more. Some Servers send again, on the same connection, what is not acknowledged for some time: at QoS 1 an
   * answer to that would be taken for one to the next message with its id, and at QoS 2 one for all of them is enough.
   */
  #answerRepetition(repeated: Delivery | 'answered', packet: PublishPacket, packetId: PacketId): void {
    const isInTurn = repeated !== 'answered' && repeated.isInTurn;
    if (isInTurn && packet.qos === 1) return;
    this.#count(packet, packetId);
    if (repeated !== 'answered' && !isInTurn) this.#acknowledgeInTurn(repeated);
    else this.#pubrecs.pushAgain(packet, packetId);
  }

  /** [MQTT-4.3.3-11] whatever is known of the id, PUBREL is answered by PUBCOMP. */
  receivePubrel({ packetId }: AckPacket): void {
    this.#unreleased.delete(packetId);
    this.#open.delete(packetId);
    this.#pubrecs.exchangeIsOver(packetId);
    const known = this.#received.remove(packetId);
    const reasonCode = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
    this.#pubcomps.push({ cmd: 'pubcomp', packetId, reasonCode });
  }

  /** The next acknowledgement that may leave, in protocol order. */
  next(): NextAcknowledgement | undefined {
    // Behind the one before, which has been written by now.
    if (this.#awaiting.length > 0) this.#tellAcknowledged();
    if (this.#pubcomps.length > 0) return this.#pubcomps.shift();
    const next = this.#nextOf(this.#pubacks) ?? this.#nextOf(this.#pubrecs);
    // What is answered no more has given up its place meanwhile.
    if (next === undefined && this.#awaiting.length > 0) this.#tellAcknowledged();
    return next;
  }

  /** Calls back when acknowledgements of all that came so far have been written; never, if the connection ends before. */
  whenAcknowledged(reached: () => void): void {
    this.#awaiting.push({ pubacks: this.#pubacks.pushed, pubrecs: this.#pubrecs.pushed, reached });
    this.#tellAcknowledged();
  }

  /** Messages that were handed out so far: see {@link handedOver}. */
  get handed(): number {
    return this.#handed;
  }

  /**
   * A turn of the event loop has passed since {@link handed} was `upTo`: whoever was handed those messages has them, for
   * Node-RED hands a message on in a later turn than it takes it.
   */
  handedOver(upTo: number, now: number): void {
    this.#awaitSuccessors();
    while (this.#handedOver < upTo) {
      this.#handedOver += 1;
      const delivery = this.#handedOut.shift();
      if (delivery?.state.step === 'handed-out') this.#keepIfAwaiting(delivery, now);
    }
    // Those who were awaited came within the turn.
    if (this.holding) this.offer(now);
  }

  /** A receiver goes and may come back: what it was handed within this turn waits for who takes its place. */
  released({ receiver, vacancy, matches, arrived = never }: Released, now: number): void {
    this.#deployUntil = now + DEPLOY_TIME;
    const taken = this.#handedOut.filter((delivery) => delivery.isWith(receiver) && matches(delivery.topic));
    for (const delivery of taken) {
      delivery.takeBack(receiver);
      if (vacancy !== undefined) this.#taken.push({ delivery, vacancy, arrived });
    }
  }

  /** All receivers of a deploy are there: what is held is offered. */
  deployed(now: number): void {
    this.#deployUntil = undefined;
    this.offer(now);
  }

  /** There are new receivers. While a deploy is under way nothing is offered: the nodes behind them may be missing. */
  offer(now: number): void {
    if (this.#deployUntil !== undefined) return;
    for (const delivery of this.#held) {
      delivery.offer(this.#receivers);
      if (delivery.state.step === 'handed-out') this.#handOutAgain(delivery);
    }
    this.expire(now);
  }

  /** Whether anything waits for somebody. */
  get holding(): boolean {
    return this.#held.size > 0;
  }

  /** Whether anything waits for somebody, or may when this turn is over. */
  get mayWait(): boolean {
    return this.holding || this.#handedOut.length > 0;
  }

  /** Whether every message that came has been acknowledged, but for those that wait for somebody. */
  get idle(): boolean {
    if (this.#handedOut.length > 0 || this.#pubcomps.length > 0) return false;
    return !this.#pubacks.isDue && !this.#pubrecs.isDue;
  }

  /**
   * So much is unacknowledged that nothing more should be read: it would have to be kept, or lost.
   * @param isAwaiting whether the Server has not answered all that we publish.
   */
  isFull(isAwaiting: boolean): boolean {
    // What only waits for the Server to read costs four bytes each; a Server may read only when it has written.
    const answers = this.#pubcomps.length + this.#pubacks.length + this.#pubrecs.length;
    if (answers > MOST_ANSWERS) return true;
    const count = this.unacknowledged;
    if (!isAwaiting || !this.working) return count > MOST_UNACKNOWLEDGED || this.#keptBytes >= MOST_HELD_BYTES;
    return count > MOST_WHILE_AWAITING || this.#keptBytes + count * COST >= MOST_BYTES_WHILE_AWAITING;
  }

  /** Messages that are held or at work, or wait behind one that is; those of a lost session too: they have to be kept. */
  get unacknowledged(): number {
    return this.#pubacks.behindKept + this.#pubrecs.behindKept + this.#lost.size;
  }

  /** Whether something waits for receivers, or is with them, that the Server still has in this session. */
  get owes(): boolean {
    if (this.#held.size + this.#atWork.size > this.#lost.size) return true;
    return this.#handedOut.filter(({ isWorkedOn }) => isWorkedOn).length > 0;
  }

  /** Whether receivers are not done with something. */
  get working(): boolean {
    return this.#atWork.size > 0;
  }

  /** When {@link expire} has something to do; undefined: never. Milliseconds of `Clock.now`. */
  get deadline(): number | undefined {
    const doubtUntil = typeof this.#doubtUntil === 'number' ? this.#doubtUntil : Infinity;
    const earliest = Math.min(doubtUntil, this.#heldUntil);
    return earliest === Infinity ? undefined : earliest;
  }

  /** Those who did not come in time are not waited for any more. */
  expire(now: number): void {
    if (this.#deployUntil !== undefined && this.#deployUntil <= now) this.#deployUntil = undefined;
    if (this.#heldUntil <= now) this.#giveUpLate(now);
    if (typeof this.#doubtUntil === 'number' && this.#doubtUntil <= now) {
      this.#doubtUntil = this.#isDoubting ? 'due' : undefined;
    }
  }

  #giveUpLate(now: number): void {
    const late = [...this.#held].filter((delivery) => heldUntil(delivery) <= now);
    for (const delivery of late) {
      this.#letGo(delivery);
      delivery.giveUp();
      this.#ownOrKeep(delivery);
    }
    this.#heldUntil = [...this.#held].reduce((least, delivery) => Math.min(least, heldUntil(delivery)), Infinity);
    if (late.length > 0) this.#reportUnclaimed(late.length, late[0]?.topic ?? '');
  }

  /** Whether the Server is to be asked, behind everything else, if it is still there; {@link doubtEnds} is called then. */
  get wantsAnswer(): boolean {
    return this.#doubtUntil === 'due';
  }

  answerAsked(): void {
    this.#doubtUntil = undefined;
  }

  /** The Server has answered: whatever it had to send again has come, and another message has every other id. */
  doubtEnds(): void {
    this.#received.forgetDoubted();
    for (const { packetId, doubt } of this.#open.values()) if (doubt !== undefined) this.#open.delete(packetId);
  }

  #doubt(doubt: IdDoubt): void {
    this.#received.doubt(doubt);
    for (const delivery of this.#open.values()) delivery.doubted(doubt);
  }

  get #isDoubting(): boolean {
    return this.#received.isDoubted || this.#open.values().some(({ doubt }) => doubt !== undefined);
  }

  #count({ qos }: PublishPacket, packetId: PacketId): void {
    if (qos === 2) this.#unreleased.add(packetId);
    // [MQTT-3.3.4-9] what is unacknowledged, and has not just come in the place of another.
    const unacknowledged = this.#unreleased.size + this.#pubacks.length + (qos === 1 ? 1 : 0);
    if (unacknowledged <= this.#receiveMaximum) return;
    throw protocolError(
      `broker sent more than ${this.#receiveMaximum} messages at once without waiting for an acknowledgement`,
      ReasonCode.ReceiveMaximumExceeded,
    );
  }

  /** What came before and is known: not delivered again, but acknowledged. `answered`: at QoS 2 that it came was. */
  #repetition(packet: PublishPacket, packetId: PacketId): Delivery | 'answered' | undefined {
    const open = this.#open.get(packetId);
    const isKnown = this.#received.knows(packetId, packet);
    if (isKnown && packet.qos === 1) throw protocolError(`PUBLISH at QoS 1 with the id ${packetId} of one at QoS 2`);
    if (open?.isRepeatedBy(packet) === true) {
      open.confirm();
      return open;
    }
    // [MQTT-4.3.3-10] until PUBREL every duplicate gets a PUBREC.
    return isKnown ? 'answered' : undefined;
  }

  #deliverNew(packet: PublishPacket, packetId: PacketId, now: number): void {
    const delivery = new Delivery(packet, packetId, ++this.#came, this.#workDone);
    this.#open.set(packetId, delivery);
    // Before anybody has it: a receiver may be released while it receives, or throw.
    this.#acknowledgeInTurn(delivery);
    this.#handOut(delivery);
    const wanted = this.#receivers.deliver(packet, delivery);
    if (!wanted && now < this.#graceUntil) delivery.unclaimed();
  }

  #tellAcknowledged(): void {
    for (let first = this.#awaiting.peek(); first !== undefined; first = this.#awaiting.peek()) {
      if (this.#pubacks.shifted < first.pubacks || this.#pubrecs.shifted < first.pubrecs) return;
      this.#awaiting.shift();
      first.reached();
    }
  }

  #handOut(delivery: Delivery): void {
    this.#handed += 1;
    this.#handedOut.push(delivery);
  }

  #handOutAgain(delivery: Delivery): void {
    this.#letGo(delivery);
    this.#handOut(delivery);
  }

  #awaitSuccessors(): void {
    if (this.#taken.length === 0) return;
    for (const { delivery, vacancy, arrived } of this.#taken) if (!arrived()) delivery.awaits(vacancy);
    this.#taken = [];
  }

  #keepIfAwaiting(delivery: Delivery, now: number): void {
    const until = delivery.isUnclaimed ? this.#graceUntil : (this.#deployUntil ?? now);
    delivery.handedOver(until);
    this.#ownOrKeep(delivery);
  }

  /** Ownership of a QoS 2 message is on record before its PUBREC leaves, whichever connection that is on (4.3.3). */
  #own(delivery: Delivery): void {
    if (delivery.cmd !== 'pubrec' || delivery.isRefused || this.#open.get(delivery.packetId) !== delivery) return;
    this.#received.add(delivery.packetId, delivery.fingerprint, delivery.doubt);
  }

  #ownOrKeep(delivery: Delivery): void {
    const { step } = delivery.state;
    if (step === 'done') return this.#own(delivery);
    this.#heldUntil = Math.min(this.#heldUntil, heldUntil(delivery));
    const kept = step === 'held' ? this.#held : this.#atWork;
    if (kept.has(delivery.number)) return;
    kept.set(delivery.number, delivery);
    this.#keptBytes += delivery.size;
    if (step === 'at-work' && delivery.isLost) this.#lost.add(delivery);
  }

  #letGo(delivery: Delivery): void {
    const { number } = delivery;
    if (this.#held.delete(number) || this.#atWork.delete(number)) this.#keptBytes -= delivery.size;
    this.#lost.delete(delivery);
    if (this.#held.size === 0) this.#heldUntil = Infinity;
  }

  /** Nobody gets it from here any more. */
  #abandon(why: 'lost' | 'left'): void {
    this.#void(why);
    this.#held.clear();
    this.#heldUntil = Infinity;
    this.#atWork.clear();
    this.#lost.clear();
    this.#keptBytes = 0;
  }

  /** There is no acknowledgement any more that could wait for what receivers do. */
  #void(why: 'lost' | 'left'): void {
    for (const delivery of this.#held) delivery.void(why);
    for (const delivery of this.#atWork) {
      delivery.void(why);
      this.#lost.add(delivery);
    }
  }

  /** Its acknowledgement leaves behind those of the messages that came before it. */
  #acknowledgeInTurn(delivery: Delivery): void {
    (delivery.cmd === 'puback' ? this.#pubacks : this.#pubrecs).push(delivery);
  }

  #nextOf(order: AcknowledgementOrder): NextAcknowledgement | undefined {
    const delivery = order.next();
    if (delivery === undefined) return undefined;
    // Once more, in case that the store failed.
    this.#own(delivery);
    order.taken();
    this.#close(delivery);
    // Of a refused message no PUBREL comes (4.3.3).
    if (delivery.isRefused && delivery.cmd === 'pubrec') this.#refused(delivery.packetId);
    return delivery;
  }

  #refused(packetId: PacketId): void {
    this.#unreleased.delete(packetId);
    this.#pubrecs.exchangeIsOver(packetId);
  }

  /** Its id may be another message's from here on. */
  #close(delivery: Delivery): void {
    if (this.#open.get(delivery.packetId) === delivery) this.#open.delete(delivery.packetId);
  }

  #reportUnclaimed(count: number, topic: string): void {
    const text =
      count === 1
        ? `a message to ${topic} waited for a node that did not come, and was acknowledged`
        : `${count} messages, the first to ${topic}, waited for nodes that did not come, and were acknowledged`;
    this.#report(new MqttError('message-skipped', text));
  }
}

const never = (): boolean => false;

/** Until when it is held; Infinity: it is not. */
function heldUntil({ state }: Delivery): number {
  return state.step === 'held' ? state.until : Infinity;
}
