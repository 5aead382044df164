import { MqttError, protocolError } from '../protocol/errors.ts';
import type { AckPacket, Message, PacketId, QoS } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import type { OutgoingState, Settle, StoredMessage } from '../store/session-store.ts';
import { Queue } from '../util/queue.ts';
import { RecentMap } from '../util/recent-map.ts';
import { type AcceptedOptions, AcceptedMessages, type PlaceOnDisk } from './accepted-messages.ts';
import { MOST_ANSWERS, type NextAcknowledgement, type NextPacket, type OutgoingMessage } from './outgoing-message.ts';
import { HangUps } from './hang-ups.ts';
import type { PacketIds } from './packet-ids.ts';
import { type SendLimits, SendWindow } from './send-window.ts';
import {
  discarded,
  expired,
  gaveWay,
  hungUpOnQos2,
  notAllowed,
  outcomeUnknown,
  rejection,
  setAside,
} from './undelivered.ts';
import type { WhenFull } from './giving-way.ts';
import { WaitingMessages } from './waiting-messages.ts';
import { WaitingOnDisk } from './waiting-on-disk.ts';

export interface OutgoingOptions extends AcceptedOptions {
  readonly ids: PacketIds;
  /** What gives way when there is too much. Default `refuse`. */
  readonly whenFull?: WhenFull | undefined;
  /** Whether messages at QoS 0 wait for the next connection; without it they end with each. Default false. */
  readonly qos0Waits?: boolean | undefined;
  /** Messages that waited on disk alone can be sent now. */
  readonly came?: (() => void) | undefined;
  readonly answered?: Answered | undefined;
}

/** Told of each message that the Server acknowledged, or refused: so many milliseconds after it was accepted here. */
export type Answered = (qos: QoS, milliseconds: number) => void;

const NOTHING = Buffer.alloc(0);

/** Before the first connection, when nothing can be sent. */
const NO_LIMITS: SendLimits = {
  mqtt5: false,
  receiveMaximum: 0,
  maximumInflight: 0,
  maximumQoS: 2,
  retainAvailable: true,
};

/** How a connection ended. */
export interface Ending {
  /** What unsent messages are settled with. */
  readonly error: MqttError;
  /**
   * If the Server ended it by itself: its last words, and whether it had answered everything that was asked of it besides
   * messages. undefined if it was somebody else.
   */
  readonly hungUp: { readonly lastWords: MqttError; readonly answered: boolean } | undefined;
  /** Messages at QoS 0 that were handed to the connection, and did not leave. */
  readonly unsent: readonly OutgoingMessage[];
  /** Milliseconds of `Clock.now`. */
  readonly now: number;
}

/** The sending half of a session (4.1, 4.3): how far each accepted message is, and what may be sent next. */
export class Outgoing {
  readonly #accepted: AcceptedMessages;
  readonly #ids: PacketIds;
  readonly #window = new SendWindow();
  readonly #hangUps = new HangUps();
  readonly #report: (notice: MqttError) => void;
  readonly #qos0Waits: boolean;
  readonly #answered: Answered;

  // Valid for the session.
  #releases = 0;
  /** The last message that an earlier client is known to have sent; 0: none, or that was looked at. */
  #sentUpTo = 0;
  readonly #queued: WaitingMessages;
  /** Behind them; undefined: the store has all in memory. */
  readonly #onDisk: WaitingOnDisk | undefined;
  readonly #published = new RecentMap<OutgoingMessage>();
  /** In the order of their PUBREC [MQTT-4.6.0-4]: released, or abandoned. */
  readonly #released = new Map<PacketId, OutgoingMessage>();

  // Valid for the connection.
  #connection = 0;
  #isConnected = false;
  #limits: SendLimits = NO_LIMITS;
  #downgraded = false;
  /** About now, by `Clock.now`: the time of the last turn that sent anything. */
  #now = 0;
  /** About the connection itself (birth, close): before what waits, and never for another connection. */
  readonly #announcements = new Queue<OutgoingMessage>();
  readonly #announced = new Set<OutgoingMessage>();
  readonly #pubrels = new Queue<NextAcknowledgement>();
  readonly #resend = new Queue<OutgoingMessage>();

  constructor({ ids, whenFull, qos0Waits = false, came = ignore, answered = ignore, ...options }: OutgoingOptions) {
    this.#qos0Waits = qos0Waits;
    this.#answered = answered;
    // What does not wait is in nobody's place.
    this.#queued = new WaitingMessages(whenFull, ({ message }) => qos0Waits || message.qos > 0);
    this.#accepted = new AcceptedMessages(options);
    const { backlog } = options.store;
    if (backlog !== undefined) {
      this.#onDisk = new WaitingOnDisk({ backlog, accepted: this.#accepted, queued: this.#queued, came });
    }
    this.#ids = ids;
    this.#report = options.report;
  }

  /** Accepted messages that are not settled. */
  get count(): number {
    return this.#accepted.count;
  }

  /** What they count for in limits. */
  get bytes(): number {
    return this.#accepted.bytes;
  }

  /** Takes up messages of an earlier client, by rising sequence. */
  restore(messages: readonly StoredMessage[]): void {
    const released: OutgoingMessage[] = [];
    this.#sentUpTo = messages.findLast(({ state }) => state.step === 'published')?.sequence ?? 0;
    for (const stored of messages) {
      const entry = this.#accepted.restore(stored);
      const { state } = entry;
      if (state.step === 'queued') this.#queued.push(entry);
      else this.#ids.claim(state.packetId);
      if (state.step === 'published') this.#published.set(state.packetId, entry);
      if (state.step === 'released' || state.step === 'abandoned') released.push(entry);
    }
    for (const entry of released.sort((a, b) => orderOf(a) - orderOf(b))) {
      this.#releases = orderOf(entry);
      if ('packetId' in entry.state) this.#released.set(entry.state.packetId, entry);
    }
    this.#onDisk?.refill();
  }

  /**
   * At QoS 1 the step need not be on record: what is older than a message that was sent was sent before it, and goes
   * before it again. Until there is a connection it waits like all others, and may expire.
   */
  #takeUp(now: number): void {
    if (this.#sentUpTo > 0) this.#queued.partition((entry) => !this.#takeAsPublished(entry, now));
    this.#sentUpTo = 0;
  }

  #takeAsPublished(entry: OutgoingMessage, now: number): boolean {
    const isSent = entry.sequence <= this.#sentUpTo && entry.message.qos === 1;
    if (!isSent || (entry.expiresAt ?? Infinity) <= now) return false;
    const packetId = this.#ids.take();
    if (packetId === undefined) return false;
    entry.state = { step: 'published', packetId };
    this.#published.set(packetId, entry);
    return true;
  }

  /** Accepts a message; `recorded`: it is stored from here on until it is settled. Times as in {@link StoredMessage}. */
  accept(
    message: Message,
    acceptedAt: number,
    expiresAt: number | undefined,
    settle: Settle,
    recorded: boolean = message.qos > 0,
  ): OutgoingMessage | PlaceOnDisk {
    if (this.#onDisk?.isNext === true && (recorded || this.#qos0Waits)) {
      return this.#onDisk.accept(message, acceptedAt, expiresAt, settle);
    }
    const entry = this.#accepted.accept(message, acceptedAt, expiresAt, settle, recorded);
    this.#queued.push(entry);
    return entry;
  }

  /** Who gave it need not wait for the Server: it is durable. A failure is told as one of an earlier client is. */
  stored(accepted: OutgoingMessage | PlaceOnDisk): void {
    this.#accepted.stored(accepted);
  }

  /** Messages give way to one to `topic`, so that so much becomes free, if that can be; who gave them is told. */
  makeWay(topic: string, count: number, bytes: number): void {
    const inMemory = this.#queued.givingWay(topic, count, bytes);
    if (inMemory.length > 0) this.#giveWay(inMemory);
    else if (this.#queued.whenFull === 'drop-oldest') this.#makeWayOnDisk(topic, count, bytes);
  }

  /** All that waits in memory, which is older, and as much as is missing of what is on disk; nothing where that is too little. */
  #makeWayOnDisk(topic: string, count: number, bytes: number): void {
    const onDisk = this.#onDisk;
    const free = this.#queued.freeFor(topic);
    if (onDisk === undefined || free.count + onDisk.length < count || free.bytes + onDisk.bytes < bytes) return;
    // First: who is told may publish.
    onDisk.giveWay(count - free.count, bytes - free.bytes, ({ message }) => gaveWay(message, 'drop-oldest'));
    this.#giveWay(this.#queued.givingWay(topic, free.count, free.bytes));
  }

  #giveWay(entries: readonly OutgoingMessage[]): void {
    for (const entry of entries) {
      // Who was told of the one before may have brought about the end of this one, or that it left.
      if (entry.settled || entry.state.step !== 'queued') continue;
      this.#queued.takeOut(entry);
      this.#accepted.end(entry, gaveWay(entry.message, this.#queued.whenFull), 0);
      // It is in the queue still; its content must not be.
      entry.message = { ...entry.message, payload: NOTHING, properties: undefined };
    }
    this.#queued.tidy();
  }

  /** When {@link dropExpired} has something to do, at the earliest: `Clock.now`; Infinity: never. */
  get expiryDeadline(): number {
    return Math.min(this.#queued.deadline, this.#onDisk?.deadline ?? Infinity);
  }

  /** Since when the message has waited, or been under way, that was accepted first: `Clock.now`; undefined: there is none. */
  get waitingSince(): number | undefined {
    let since = this.#queued.peek()?.acceptedAt ?? this.#onDisk?.since ?? Infinity;
    for (const { acceptedAt } of this.#published.values()) since = Math.min(since, acceptedAt);
    for (const { acceptedAt } of this.#released.values()) since = Math.min(since, acceptedAt);
    return since === Infinity ? undefined : since;
  }

  /** Accepted messages in memory that are not settled, in their order. */
  get waiting(): OutgoingMessage[] {
    const underWay = [...this.#published.values(), ...this.#released.values()];
    return [...underWay, ...this.#queued]
      .filter(({ settled, state }) => !settled && state.step !== 'abandoned')
      .sort(bySequence);
  }

  /** The same of those that wait on disk alone, some at a time. */
  waitingOnDisk(): AsyncGenerator<readonly OutgoingMessage[]> {
    return this.#accepted.seenAll(this.#onDisk?.read());
  }

  /** A person does not want what waits to be sent any more; who gave it is told. @returns how many messages. */
  discard(): number {
    const unsent = this.#queued.drain();
    // First: who is told may publish.
    const onDisk = this.#onDisk?.endAll(discarded) ?? 0;
    for (const entry of unsent) this.#accepted.end(entry, discarded(entry), 0);
    return unsent.length + onDisk;
  }

  /** Accepts a message about this connection: it goes before everything that waits, and ends with the connection. */
  announce(message: Message, settle: Settle): void {
    const refused = this.#hangUps.refused(message.topic);
    if (refused > 0) return settle(setAside(message, refused), 0);
    this.#announcements.push(this.#accepted.accept(message, this.#now, undefined, settle, false));
  }

  /** There is no time for answers any more: what was not announced yet leaves at QoS 0, which waits for no quota (4.9). */
  hurry(): void {
    for (const entry of this.#announcements.drain()) {
      this.#announcements.push({ ...entry, message: { ...entry.message, qos: 0 } });
    }
  }

  /** A new connection resumes the session (Session Present 1): the unacknowledged goes first, in its first order (4.4). */
  resume(limits: SendLimits, now: number, certain: boolean = true): void {
    this.#begin(limits, this.#released.size, now);
    this.#takeUp(now);
    for (const entry of this.#released.values()) {
      entry.connection = this.#connection;
      if ('packetId' in entry.state) this.#pubrels.push(pubrel(entry.state.packetId));
    }
    for (const entry of this.#published.values().sort(bySequence)) this.#resend.push(entry);
    // Last: where the store fails, everything is sent all the same.
    if (!certain) for (const entry of this.#released.values()) this.#doubt(entry);
  }

  /** Released in a session that may not be the Server's any more: the next client has to know it too. */
  #doubt(entry: OutgoingMessage): void {
    if (entry.state.step === 'released') this.#accepted.advance(entry, { ...entry.state, doubtful: true });
  }

  /**
   * A new connection, and the Server has no session: its state is discarded here too [MQTT-3.2.2-5], [MQTT-3.1.2-4].
   * What was accepted stays accepted, and becomes new messages at the head of the queue, in their first order: also those
   * with a PUBREC, for a Server may deliver at PUBREL, and then had it for nothing (4.3.3, method A).
   */
  reset(limits: SendLimits, now: number): void {
    this.#begin(limits, 0, now);
    this.#takeUp(now);
    const again = [...this.#published.values(), ...this.#released.values()].sort(bySequence);
    for (const { state } of again) if ('packetId' in state) this.#ids.release(state.packetId);
    this.#published.clear();
    this.#released.clear();
    this.#ids.forgotten();
    const later = this.#queued.drain();
    const kept = again.filter(({ state }) => state.step !== 'abandoned');
    for (const entry of kept) entry.state = { step: 'queued' };
    for (const entry of [...kept, ...later]) this.#queued.push(entry);
    this.#reportRepeated(kept.filter(({ message }) => message.qos === 2).length);
    // Last: where the store fails, no message is lost here.
    for (const entry of kept) this.#accepted.advance(entry, entry.state);
    for (const entry of again) if (entry.state.step === 'abandoned') this.#accepted.forget(entry);
  }

  /** The connection is gone. Messages at QoS 0 that it did not take, and announcements, are settled with its error. */
  suspend({ error, hungUp, unsent, now }: Ending): void {
    try {
      if (hungUp !== undefined) this.#endedByServer(hungUp.lastWords, hungUp.answered, now);
    } finally {
      this.#takeBack(unsent, error);
      this.#disconnected(error);
    }
  }

  /** Messages at QoS 0 did not leave: they fail with the connection, or wait, before all that came later. */
  #takeBack(unsent: readonly OutgoingMessage[], error: Error): void {
    const waits = (entry: OutgoingMessage): boolean => this.#qos0Waits && !this.#announced.has(entry);
    const first = unsent.filter(waits);
    if (first.length > 0) for (const entry of [...first, ...this.#queued.drain()]) this.#queued.push(entry);
    // Behind that: who is told may publish.
    for (const entry of unsent.filter((each) => !waits(each))) {
      this.#announced.delete(entry);
      this.#accepted.end(entry, error, 0);
    }
  }

  /** Somebody else goes on with the store: nothing is sent or settled by this session any more. */
  leave(): void {
    try {
      // What was given since the connection was ended, and waits for the next.
      this.#recordWaiting();
    } finally {
      this.#queued.drain();
      this.#published.clear();
      this.#released.clear();
      this.#onDisk?.leave();
      this.#accepted.leave();
    }
  }

  /** Settles what expired while it waited, so that it does not keep fresh messages out. */
  dropExpired(now: number): void {
    for (const entry of this.#queued.takeExpired(now)) this.#accepted.end(entry, expired(entry), 0);
    this.#onDisk?.endExpired(now, expired);
  }

  /** Settles with `error` the messages at QoS 0, where they do not wait. */
  dropUnsent(error: Error): void {
    if (this.#qos0Waits) return;
    for (const entry of this.#queued.partition(({ message }) => message.qos > 0)) this.#accepted.end(entry, error, 0);
  }

  /** Whether so many answers wait for the Server to read them that none of its packets should be read. */
  get full(): boolean {
    return this.#pubrels.length > MOST_ANSWERS;
  }

  /** Whether the Server has something that it has not answered. */
  get awaitsAnswers(): boolean {
    return this.inFlight > 0;
  }

  /** Messages that left and are not acknowledged. */
  get inFlight(): number {
    return this.#published.size + this.#released.size;
  }

  /** Whether everything that was accepted has left and is acknowledged. */
  get idle(): boolean {
    const waiting = this.#queued.length + this.#announcements.length + (this.#onDisk?.length ?? 0);
    return waiting === 0 && this.#published.size === 0 && this.#released.size === 0;
  }

  /**
   * The next packet in order, if one may be sent now: PUBRELs, PUBLISHes of before the reconnect, what is about the
   * connection, then new messages. The only place that knows order, quota and resend. `now`: `Clock.now`.
   */
  next(now: number): NextPacket | undefined {
    this.#now = now;
    this.#onDisk?.refill();
    if (this.#pubrels.length > 0) return this.#pubrels.shift();
    if (!this.#hangUps.mayPublish) return this.#takeAnnouncement(now);
    if (this.#resend.length > 0) return this.#nextResend() ?? this.#nextUnlessResending(now);
    return this.#nextNew(now);
  }

  /** The same, when the end of the connection has been announced: nothing that waits follows. */
  nextFarewell(now: number): NextPacket | undefined {
    return this.#pubrels.shift() ?? this.#takeAnnouncement(now);
  }

  /** Whether the next connections are to find a message that the Server hangs up on. */
  get searching(): boolean {
    return this.#hangUps.searching;
  }

  /** Whether the Server is to be asked first, behind everything else, if it is still there: see {@link HangUps}. */
  get wantsProof(): boolean {
    return this.#hangUps.wantsProof;
  }

  proofAsked(): void {
    this.#hangUps.asked();
  }

  proved(byItself: boolean): void {
    this.#hangUps.proved(byItself);
  }

  /** PUBLISH packets at QoS 1 and 2 that were given to be sent so far, on all connections. */
  get published(): number {
    return this.#hangUps.published;
  }

  /** So many of them were handed to the socket by `now`, and these at QoS 0, of which no more will ever be known. */
  left(published: number, unacknowledged: readonly OutgoingMessage[], now: number): void {
    this.#hangUps.left(published, now);
    for (const entry of unacknowledged) {
      this.#announced.delete(entry);
      this.#accepted.end(entry, undefined, ReasonCode.Success);
    }
  }

  /** The message that `next` gave cannot be sent to this Server, ever. */
  fail(entry: OutgoingMessage, error: Error, dup: boolean): void {
    const { state } = entry;
    this.#announced.delete(entry);
    if (state.step === 'queued') return this.#accepted.end(entry, error, 0);
    // `next` counted it (4.9): a message that never left must not take a share of the quota for good.
    if (entry.connection === this.#connection) this.#window.returned();
    // Sent before, the Server may know its id: a new message under it would be a repetition to it.
    if (state.step === 'published' && entry.message.qos === 2 && dup) this.#ids.retire(state.packetId);
    this.#finish(state.packetId, entry, error, 0);
  }

  receivePuback({ packetId, reasonCode, reasonString }: AckPacket, now: number): void {
    const entry = this.#published.get(packetId);
    if (entry === undefined) return this.#unexpected('PUBACK', packetId);
    if (entry.message.qos === 2) this.#downgrade(entry, packetId);
    this.#acknowledged(entry, now);
    this.#finish(packetId, entry, rejection(entry, reasonCode, reasonString), reasonCode);
  }

  receivePubrec({ packetId, reasonCode, reasonString }: AckPacket, now: number): void {
    const entry = this.#published.get(packetId);
    if (entry === undefined) return this.#receivePubrecAgain(packetId);
    if (entry.message.qos !== 2) throw protocolError(`PUBREC for the QoS 1 message ${packetId}`);
    const error = rejection(entry, reasonCode, reasonString);
    if (error !== undefined) {
      this.#acknowledged(entry, now);
      return this.#finish(packetId, entry, error, reasonCode);
    }
    this.#release(entry, packetId);
    this.#pubrels.push(pubrel(packetId));
  }

  receivePubcomp({ packetId, reasonCode }: AckPacket, now: number): void {
    const entry = this.#released.get(packetId);
    if (entry === undefined) return this.#unexpected('PUBCOMP', packetId);
    this.#acknowledged(entry, now);
    // Before MQTT 5 the Server does not say whether it knew the id.
    const known = this.#limits.mqtt5 && reasonCode === ReasonCode.Success;
    const doubtful = entry.state.step === 'released' && entry.state.doubtful === true;
    const error = doubtful && !known ? outcomeUnknown(entry.message) : undefined;
    this.#finish(packetId, entry, error, ReasonCode.Success);
  }

  /** A PUBREC after the PUBREL: answered again; for an id that nothing is known of, 0x92 (4.3.3, 3.6.2.1). */
  #receivePubrecAgain(packetId: PacketId): void {
    const known = this.#released.has(packetId);
    this.#pubrels.push(pubrel(packetId, known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound));
  }

  /** [MQTT-2.2.1-5] an acknowledgement of something else is a Protocol Error; one of nothing is a harmless repetition. */
  #unexpected(cmd: string, packetId: PacketId): void {
    if (this.#published.has(packetId) || this.#released.has(packetId)) {
      throw protocolError(`${cmd} for the message ${packetId}, which waits for another acknowledgement`);
    }
  }

  /** Brokers that know only QoS 1 answer so before MQTT 5, which forbids it; the message is theirs all the same. */
  #downgrade(entry: OutgoingMessage, packetId: PacketId): void {
    if (this.#limits.mqtt5) throw protocolError(`PUBACK for the QoS 2 message ${packetId}`);
    if (this.#downgraded) return;
    this.#downgraded = true;
    const { topic } = entry.message;
    this.#report(
      new MqttError(
        'qos-downgraded',
        `the broker takes QoS 2 messages at QoS 1, first to ${topic}: they may come twice`,
      ),
    );
  }

  #nextResend(): NextPacket | undefined {
    for (let entry = this.#resend.peek(); entry !== undefined; entry = this.#resend.peek()) {
      const { state } = entry;
      // Settled or released meanwhile: the Server answered it before we sent it again.
      if (state.step !== 'published' || this.#published.get(state.packetId) !== entry) this.#resend.shift();
      else {
        const problem = notAllowed(entry.message, this.#limits);
        if (problem === undefined && !this.#window.open) return undefined;
        this.#resend.shift();
        if (problem === undefined) return this.#publish(entry, state.packetId, true);
        this.#setAside(entry, problem);
      }
    }
    return undefined;
  }

  /** Order before all: nothing new overtakes what is to be sent again. */
  #nextUnlessResending(now: number): NextPacket | undefined {
    return this.#resend.length > 0 ? undefined : this.#nextNew(now);
  }

  /** What is about the connection goes before all that waits. */
  #nextNew(now: number): NextPacket | undefined {
    if (this.#announcements.length === 0) return this.#nextOf(this.#queued, now);
    return this.#takeAnnouncement(now) ?? this.#nextUnlessAnnouncing(now);
  }

  #nextUnlessAnnouncing(now: number): NextPacket | undefined {
    return this.#announcements.length > 0 ? undefined : this.#nextOf(this.#queued, now);
  }

  #takeAnnouncement(now: number): NextPacket | undefined {
    const next = this.#nextOf(this.#announcements, now);
    if (next?.cmd === 'publish') this.#announced.add(next.entry);
    return next;
  }

  #nextOf(queue: Queue<OutgoingMessage>, now: number): NextPacket | undefined {
    // Who is told that his message fails may end the connection: then nothing more leaves by it.
    for (let entry = queue.peek(); this.#isConnected && entry !== undefined; entry = queue.peek()) {
      const problem = this.#whyNever(entry, now);
      if (problem !== undefined) {
        queue.shift();
        this.#accepted.end(entry, problem, 0);
      } else if (entry.message.qos === 0) {
        queue.shift();
        return { cmd: 'publish', entry, packetId: undefined, dup: false };
      } else return this.#nextAcknowledged(queue, entry);
    }
    return undefined;
  }

  #nextAcknowledged(queue: Queue<OutgoingMessage>, entry: OutgoingMessage): NextPacket | undefined {
    if (!this.#window.open) return undefined;
    const packetId = this.#ids.take();
    if (packetId === undefined) return undefined;
    try {
      // What is about the connection ends with it, and is not stored.
      this.#advance(entry, { step: 'published', packetId }, queue === this.#announcements);
    } catch (error) {
      this.#ids.release(packetId);
      throw error;
    }
    queue.shift();
    this.#published.set(packetId, entry);
    return this.#publish(entry, packetId, false);
  }

  #publish(entry: OutgoingMessage, packetId: PacketId, dup: boolean): NextPacket {
    entry.connection = this.#connection;
    this.#hangUps.publishes();
    this.#window.sent();
    return { cmd: 'publish', entry, packetId, dup };
  }

  /** Nothing that may change makes it worth waiting for. */
  #whyNever(entry: OutgoingMessage, now: number): Error | undefined {
    const { message, expiresAt } = entry;
    if (expiresAt !== undefined && expiresAt <= now) return expired(entry);
    if (message.qos === 2 && this.#hangUps.takesNoQos2(now)) return hungUpOnQos2(message);
    return notAllowed(message, this.#limits);
  }

  /** Gives the quota back (4.9), but only for what was counted on this connection. */
  #acknowledged(entry: OutgoingMessage, now: number): void {
    this.#answered(entry.message.qos, now - entry.acceptedAt);
    const announced = this.#announced.size > 0 && this.#announced.delete(entry);
    if (announced) this.#hangUps.welcome(entry.message.topic);
    if (entry.connection !== this.#connection) return;
    if (announced || entry.state.step === 'abandoned') return this.#window.returned();
    this.#window.acknowledged(this.#now);
    this.#hangUps.fruit(entry.message.qos);
  }

  #begin(limits: SendLimits, unacknowledged: number, now: number): void {
    this.#connection += 1;
    this.#isConnected = true;
    this.#limits = limits;
    this.#downgraded = false;
    this.#window.begin(limits, unacknowledged, now);
    this.#hangUps.begin();
  }

  #endedByServer(lastWords: MqttError, answered: boolean, now: number): void {
    const { unacknowledged, fruitful } = this.#window;
    const only = this.#onlyPublish();
    this.#window.hungUp();
    if (only !== undefined && this.#announced.has(only)) {
      if (answered && !fruitful && unacknowledged === 1) this.#blameAnnouncement(only.message, lastWords, now);
      return;
    }
    const times = this.#hangUps.ended({ unacknowledged, fruitful, only: answered ? only : undefined, now });
    if (times > 0 && only !== undefined) this.#setAside(only, setAside(only.message, times, lastWords));
  }

  /** The one PUBLISH at QoS 1 or 2 that is under way on this connection, if it is one. */
  #onlyPublish(): OutgoingMessage | undefined {
    let only: OutgoingMessage | undefined;
    for (const entry of this.#published.values()) {
      if (entry.connection !== this.#connection) continue;
      if (only !== undefined) return undefined;
      only = entry;
    }
    return only;
  }

  /** Its sender is told, and nobody else: a person would read the same sentence twice. */
  #setAside(entry: OutgoingMessage, error: MqttError): void {
    const { state } = entry;
    if (state.step !== 'published') return;
    this.#published.delete(state.packetId);
    // At QoS 2 the Server may have stored the id; a new message under it would be a repetition to it.
    if (entry.message.qos === 2) this.#ids.retire(state.packetId);
    else this.#ids.release(state.packetId);
    this.#accepted.end(entry, error, 0);
  }

  /** What is about the connection ends with it; its next one is not sent any more. */
  #blameAnnouncement(message: Message, lastWords: MqttError, now: number): void {
    const times = this.#hangUps.endedBehind(message.topic, now);
    if (times > 0) this.#report(setAside(message, times, lastWords));
  }

  #disconnected(error: MqttError): void {
    this.#connection += 1;
    this.#isConnected = false;
    this.#resend.drain();
    this.#pubrels.drain();
    const announced = [...this.#announced, ...this.#announcements.drain()];
    this.#announced.clear();
    const abandoned = announced.filter((entry) => this.#retract(entry, error));
    this.dropUnsent(error);
    // Last: where the store fails, everything else is done.
    for (const entry of abandoned) this.#accepted.put(entry);
    this.#recordWaiting();
  }

  /** What has no record, because it was to leave at once. */
  #recordWaiting(): void {
    if (this.#qos0Waits) for (const entry of this.#queued) if (!entry.recorded) this.#accepted.put(entry);
  }

  /** An announcement ends with its connection. True: the Server has to forget its id, if it may know it (4.3.3). */
  #retract(entry: OutgoingMessage, error: Error): boolean {
    const { state, message } = entry;
    if (state.step !== 'queued') {
      const { packetId } = state;
      this.#published.delete(packetId);
      if (message.qos === 2) this.#abandon(entry, packetId);
      else this.#ids.release(packetId);
    }
    this.#accepted.settle(entry, error, 0);
    return entry.state.step === 'abandoned';
  }

  #abandon(entry: OutgoingMessage, packetId: PacketId): void {
    entry.state = { step: 'abandoned', packetId, order: ++this.#releases };
    this.#released.delete(packetId);
    this.#released.set(packetId, entry);
  }

  #release(entry: OutgoingMessage, packetId: PacketId): void {
    const state = { step: 'released', packetId, order: ++this.#releases } as const;
    this.#advance(entry, state, this.#announced.has(entry));
    this.#published.delete(packetId);
    this.#released.set(packetId, entry);
  }

  #advance(entry: OutgoingMessage, state: OutgoingState, isAnnouncement: boolean): void {
    if (isAnnouncement) entry.state = state;
    else this.#accepted.advance(entry, state);
  }

  #reportRepeated(count: number): void {
    if (count === 0) return;
    const which = count === 1 ? '1 QoS 2 message is' : `${count} QoS 2 messages are`;
    this.#report(
      new MqttError('session-lost', `the broker lost the session: ${which} sent again and may arrive twice`),
    );
  }

  #finish(packetId: PacketId, entry: OutgoingMessage, error: Error | undefined, reasonCode: number): void {
    this.#published.delete(packetId);
    this.#released.delete(packetId);
    this.#ids.release(packetId);
    // Abandoned: whoever waited for it was told when its connection ended.
    if (entry.state.step === 'abandoned') this.#accepted.forget(entry);
    else this.#accepted.end(entry, error, reasonCode);
  }
}

function ignore(): void {
  // Nobody has to hear of it.
}

function pubrel(packetId: PacketId, reasonCode: number = ReasonCode.Success): NextAcknowledgement {
  return { cmd: 'pubrel', packetId, reasonCode };
}

function bySequence(a: StoredMessage, b: StoredMessage): number {
  return a.sequence - b.sequence;
}

function orderOf({ state }: StoredMessage): number {
  return 'order' in state ? state.order : 0;
}
