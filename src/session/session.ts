import { MqttError, protocolError, PublishRejected } from '../protocol/errors.ts';
import type { AckPacket, Message, PacketId, PublishPacket } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import type { SessionStore } from '../store/session-store.ts';
import { Queue } from '../util/queue.ts';
import type { NextPacket, Outgoing, Settle } from './outgoing.ts';
import { sizeOf } from './outgoing.ts';
import type { Reply } from './acknowledgements.ts';
import { Incoming } from './incoming.ts';
import { PacketIds } from './packet-ids.ts';

/** In place of a connection's number: an announcement that was not sent yet. */
const ANNOUNCED = -1;

/** What the Server allows on this connection. */
export interface SessionLimits {
  /** Unacknowledged PUBLISH packets at QoS 1 and 2 (4.9). */
  readonly sendQuota: number;
  /** Our own Receive Maximum: received QoS 2 messages of this connection that are not released (3.1.2.11.3). */
  readonly receiveMaximum: number;
}

/**
 * The Session State of section 4.1: accepted messages and how far each is, received QoS 2 ids, the packet ids.
 * It knows no socket and no timer: packets go in by {@link receive}, come out by {@link next}.
 */
export class Session {
  readonly ids = new PacketIds();
  /** The receiving half. */
  readonly incoming: Incoming;
  readonly #store: SessionStore;

  // Valid for the session.
  #sequence = 0;
  readonly #queued = new Queue<Outgoing>();
  /** In the order of their PUBLISH. */
  readonly #published = new Map<PacketId, Outgoing>();
  /** In the order of their PUBREC [MQTT-4.6.0-4]. */
  readonly #released = new Map<PacketId, Outgoing>();
  #bytes = 0;
  #count = 0;

  // Valid for the connection.
  #connection = 0;
  #sendQuota = 0;
  /** PUBLISH packets of this connection that are not acknowledged yet, and PUBRELs (4.9). */
  #unacknowledged = 0;
  readonly #resend = new Queue<Outgoing>();

  /**
   * @param deliver hands a message to its receivers; false if there is none.
   * @param settleRestored told what becomes of the messages that the store held when this session began.
   */
  constructor(store: SessionStore, deliver: (packet: PublishPacket) => boolean, settleRestored: Settle = ignore) {
    this.#store = store;
    const { outgoing, received } = store.load();
    this.incoming = new Incoming(store, received, deliver);
    for (const stored of outgoing) this.#restore({ ...stored, settle: settleRestored, connection: 0 });
  }

  /** Accepted messages that are not settled. */
  get count(): number {
    return this.#count;
  }

  /** Topic and payload bytes of the accepted messages that are not settled. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Accepts a message: at QoS 1 and 2 it is stored from here on until it is settled. */
  accept(message: Message, expiresAt: number | undefined, settle: Settle): void {
    const entry: Outgoing = {
      sequence: ++this.#sequence,
      message,
      expiresAt,
      state: { step: 'queued' },
      settle,
      connection: 0,
    };
    if (message.qos > 0) this.#store.save(entry);
    this.#add(entry);
    this.#queued.push(entry);
  }

  /**
   * Accepts a message that is about this connection (birth, close): it goes before everything that waits,
   * and is not kept for another connection unless it was sent.
   */
  announce(message: Message, settle: Settle): void {
    const sequence = ++this.#sequence;
    const entry: Outgoing = {
      sequence,
      message,
      expiresAt: undefined,
      state: { step: 'queued' },
      settle,
      connection: ANNOUNCED,
    };
    this.#add(entry);
    this.#queued.unshift(entry);
  }

  /** A new connection resumes the session (Session Present 1): the unacknowledged goes first, in its first order (4.4). */
  resume(limits: SessionLimits): void {
    this.#begin(limits);
    for (const entry of this.#released.values()) {
      entry.connection = this.#connection;
      this.#resend.push(entry);
    }
    for (const entry of this.#published.values()) this.#resend.push(entry);
    this.#unacknowledged = this.#released.size;
  }

  /**
   * A new connection, and the Server has no session: its state is discarded here too [MQTT-3.2.2-5], [MQTT-3.1.2-4].
   * What was accepted stays accepted: a message without any acknowledgement becomes a new one at the head of the queue;
   * one with a PUBREC is the Server's already (4.3.3), and is settled.
   */
  reset(limits: SessionLimits): void {
    this.#begin(limits);
    this.incoming.clear();
    for (const [packetId, entry] of this.#released) this.#finish(packetId, entry, undefined, ReasonCode.Success);
    const again = [...this.#published.values()];
    for (const packetId of this.#published.keys()) this.ids.release(packetId);
    this.#published.clear();
    const later = this.#queued.drain();
    for (const entry of again) {
      this.#change(entry, { step: 'queued' });
      this.#queued.push(entry);
    }
    for (const entry of later) this.#queued.push(entry);
  }

  /** The connection is gone. Messages at QoS 0 that it did not take are settled with `error`. */
  suspend(error: Error): void {
    this.#connection += 1;
    this.#resend.drain();
    this.incoming.suspend();
    this.dropUnsent(error);
  }

  /** Settles with `error` what waits and is not kept: messages at QoS 0, and announcements. */
  dropUnsent(error: Error): void {
    const kept = ({ message, connection }: Outgoing): boolean => message.qos > 0 && connection !== ANNOUNCED;
    for (const entry of this.#queued.partition(kept)) this.#settle(entry, error, 0);
  }

  /** Nothing is sent any more: every unsettled message is settled with `error`; the stored ones stay in the store. */
  abandon(error: Error): void {
    const entries = [...this.#released.values(), ...this.#published.values(), ...this.#queued.drain()];
    this.#released.clear();
    this.#published.clear();
    for (const entry of entries) this.#settle(entry, error, 0);
  }

  /**
   * The next packet in order, if one may be sent now: PUBRELs and PUBLISHes of before the reconnect, then new messages.
   * The only place that knows order, quota and resend. `now` is milliseconds since the epoch.
   */
  next(now: number): NextPacket | undefined {
    return this.#nextResend() ?? this.#nextQueued(now);
  }

  /** The announcement that may be sent now; nothing that waits follows the one about the end of a connection. */
  nextAnnouncement(): NextPacket | undefined {
    const entry = this.#queued.peek();
    if (entry === undefined || entry.connection !== ANNOUNCED) return undefined;
    return entry.message.qos === 0 ? this.#nextUnacknowledged(entry) : this.#nextAcknowledged(entry);
  }

  /** A QoS 0 message was handed to the socket: that is all that will ever be known of it. */
  sent(entry: Outgoing): void {
    this.#settle(entry, undefined, ReasonCode.Success);
  }

  /** The message that `next` gave cannot be sent to this Server, ever. */
  fail(entry: Outgoing, error: Error): void {
    const { state } = entry;
    if (state.step === 'queued') return this.#discard(entry, error);
    // `next` counted it (4.9): a message that never left must not take a share of the quota for good.
    this.#acknowledged(entry);
    this.#finish(state.packetId, entry, error, 0);
  }

  /** @throws {ProtocolViolation} for an acknowledgement that does not fit what was sent. */
  receive(packet: PublishPacket | AckPacket, reply: Reply): void {
    switch (packet.cmd) {
      case 'publish':
        return this.incoming.receivePublish(packet, reply);
      case 'puback':
        return this.#receivePuback(packet);
      case 'pubrec':
        return this.#receivePubrec(packet, reply);
      case 'pubrel':
        return this.incoming.receivePubrel(packet, reply);
      case 'pubcomp':
        return this.#receivePubcomp(packet);
    }
  }

  #receivePuback({ packetId, reasonCode, reasonString }: AckPacket): void {
    const entry = this.#published.get(packetId);
    if (entry === undefined) return this.#unexpected('PUBACK', packetId);
    if (entry.message.qos !== 1) throw protocolError(`PUBACK for the QoS 2 message ${packetId}`);
    this.#acknowledged(entry);
    this.#finish(packetId, entry, rejection(entry, reasonCode, reasonString), reasonCode);
  }

  #receivePubrec({ packetId, reasonCode, reasonString }: AckPacket, reply: Reply): void {
    const entry = this.#published.get(packetId);
    if (entry === undefined) return this.#receivePubrecAgain(packetId, reply);
    if (entry.message.qos !== 2) throw protocolError(`PUBREC for the QoS 1 message ${packetId}`);
    const error = rejection(entry, reasonCode, reasonString);
    if (error !== undefined) {
      this.#acknowledged(entry);
      return this.#finish(packetId, entry, error, reasonCode);
    }
    this.#published.delete(packetId);
    this.#change(entry, { step: 'released', packetId });
    this.#released.set(packetId, entry);
    reply('pubrel', packetId, ReasonCode.Success);
  }

  /** A PUBREC after the PUBREL: answered again; for an id that nothing is known of, 0x92 (4.3.3, 3.6.2.1). */
  #receivePubrecAgain(packetId: PacketId, reply: Reply): void {
    const known = this.#released.has(packetId);
    reply('pubrel', packetId, known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound);
  }

  #receivePubcomp({ packetId }: AckPacket): void {
    const entry = this.#released.get(packetId);
    if (entry === undefined) return this.#unexpected('PUBCOMP', packetId);
    this.#acknowledged(entry);
    this.#finish(packetId, entry, undefined, ReasonCode.Success);
  }

  /** [MQTT-2.2.1-5] an acknowledgement of something else is a Protocol Error; one of nothing is a harmless repetition. */
  #unexpected(cmd: string, packetId: PacketId): void {
    if (this.#published.has(packetId) || this.#released.has(packetId)) {
      throw protocolError(`${cmd} for the message ${packetId}, which waits for another acknowledgement`);
    }
  }

  #nextResend(): NextPacket | undefined {
    for (let entry = this.#resend.peek(); entry !== undefined; entry = this.#resend.peek()) {
      const { state } = entry;
      if (state.step === 'published' && this.#unacknowledged >= this.#sendQuota) return undefined;
      this.#resend.shift();
      // Settled meanwhile: the Server acknowledged it before we sent it again.
      if (!this.#isOpen(entry)) continue;
      if (state.step === 'published') return this.#publish(entry, state.packetId, true);
      if (state.step === 'released') return { cmd: 'pubrel', packetId: state.packetId };
    }
    return undefined;
  }

  #isOpen({ state }: Outgoing): boolean {
    return state.step !== 'queued' && (this.#published.has(state.packetId) || this.#released.has(state.packetId));
  }

  #nextQueued(now: number): NextPacket | undefined {
    // Order before all: nothing new overtakes what is to be sent again.
    if (this.#resend.length > 0) return undefined;
    for (let entry = this.#queued.peek(); entry !== undefined; entry = this.#queued.peek()) {
      if (entry.expiresAt !== undefined && entry.expiresAt <= now) {
        this.#queued.shift();
        this.#discard(entry, expired(entry));
        continue;
      }
      return entry.message.qos === 0 ? this.#nextUnacknowledged(entry) : this.#nextAcknowledged(entry);
    }
    return undefined;
  }

  #nextUnacknowledged(entry: Outgoing): NextPacket {
    this.#queued.shift();
    return { cmd: 'publish', entry, packetId: undefined, dup: false };
  }

  #nextAcknowledged(entry: Outgoing): NextPacket | undefined {
    if (this.#unacknowledged >= this.#sendQuota) return undefined;
    const packetId = this.ids.take();
    if (packetId === undefined) return undefined;
    this.#queued.shift();
    this.#change(entry, { step: 'published', packetId });
    this.#published.set(packetId, entry);
    return this.#publish(entry, packetId, false);
  }

  #publish(entry: Outgoing, packetId: PacketId, dup: boolean): NextPacket {
    entry.connection = this.#connection;
    this.#unacknowledged += 1;
    return { cmd: 'publish', entry, packetId, dup };
  }

  /** Gives the quota back (4.9), but only for what was counted on this connection. */
  #acknowledged(entry: Outgoing): void {
    if (entry.connection === this.#connection) this.#unacknowledged -= 1;
  }

  #begin({ sendQuota, receiveMaximum }: SessionLimits): void {
    this.#connection += 1;
    this.#sendQuota = sendQuota;
    this.#unacknowledged = 0;
    this.#resend.drain();
    this.incoming.begin(receiveMaximum);
  }

  #restore(entry: Outgoing): void {
    this.#sequence = Math.max(this.#sequence, entry.sequence);
    this.#add(entry);
    const { state } = entry;
    if (state.step === 'queued') return this.#queued.push(entry);
    this.ids.claim(state.packetId);
    (state.step === 'published' ? this.#published : this.#released).set(state.packetId, entry);
  }

  #change(entry: Outgoing, state: Outgoing['state']): void {
    entry.state = state;
    this.#store.save(entry);
  }

  #finish(packetId: PacketId, entry: Outgoing, error: Error | undefined, reasonCode: number): void {
    this.#published.delete(packetId);
    this.#released.delete(packetId);
    this.ids.release(packetId);
    this.#store.remove(entry.sequence);
    this.#settle(entry, error, reasonCode);
  }

  #discard(entry: Outgoing, error: Error): void {
    if (entry.message.qos > 0) this.#store.remove(entry.sequence);
    this.#settle(entry, error, 0);
  }

  #add({ message }: Outgoing): void {
    this.#count += 1;
    this.#bytes += sizeOf(message);
  }

  #settle(entry: Outgoing, error: Error | undefined, reasonCode: number): void {
    this.#count -= 1;
    this.#bytes -= sizeOf(entry.message);
    entry.settle(error, reasonCode);
  }
}

function rejection(entry: Outgoing, reasonCode: number, reasonString: string | undefined): Error | undefined {
  return reasonCode < 0x80 ? undefined : new PublishRejected(entry.message.topic, reasonCode, reasonString);
}

function expired({ message }: Outgoing): Error {
  const seconds = message.properties?.messageExpiryInterval ?? 0;
  return new MqttError('expired', `the message to ${message.topic} expired after ${seconds} s before it could be sent`);
}

function ignore(): void {
  // Nobody waits for a message that an earlier client accepted.
}
