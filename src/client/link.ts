import type { Connection, SessionPacket, SkippedMessage } from '../connection/connection.ts';
import type { ServerLimits } from '../connection/server-limits.ts';
import { MqttError, PacketTooLarge, textOf } from '../protocol/errors.ts';
import type { ConnackPacket, ControlPacket, PacketId, ProtocolVersion, PublishPacket } from '../protocol/packet.ts';
import type { NextPacket, OutgoingMessage } from '../session/outgoing-message.ts';
import { LONGEST_ANSWER, type PendingRequest, Requests } from '../session/requests.ts';
import type { Session } from '../session/session.ts';
import type { Clock, Timer } from '../util/clock.ts';
import { type Deferred, deferred } from '../util/deferred.ts';
import { Queue } from '../util/queue.ts';
import type { HandOver } from './hand-over.ts';
import type { ClientNumbers } from './numbers.ts';
import { publishPacket } from './outgoing-publish.ts';
import type { SubscriptionLink } from './subscription-link.ts';
import type { Subscriptions } from './subscriptions.ts';

/** What a link joins, all of which outlives it. */
export interface LinkParts {
  readonly session: Session;
  readonly subscriptions: Subscriptions;
  readonly handOver: HandOver;
  readonly clock: Clock;
  readonly report: (notice: MqttError) => void;
  readonly numbers: ClientNumbers;
}

/** What one connection was accepted with. */
export interface LinkTerms {
  readonly connack: ConnackPacket;
  readonly limits: ServerLimits;
  readonly protocolVersion: ProtocolVersion;
}

/**
 * What is valid for one connection, from its CONNACK to its end: it hands packets to session and requests, and pumps
 * what they have to send. Whatever is thrown in one of its turns ends the connection with that cause, and nothing else.
 */
export class Link {
  readonly connection: Connection;
  readonly terms: LinkTerms;
  readonly #parts: LinkParts;
  readonly #requests = new Requests();
  readonly #subscriptionLink: SubscriptionLink;
  /** Whether everything may be sent; only what ends the connection; or that at once, though the socket takes it later. */
  #mode: 'open' | 'farewell' | 'last' = 'open';
  readonly #since: number;
  /** When the pump of this turn of the event loop was asked for; undefined: it was not. */
  #wokenAt: number | undefined;
  #reading: 'reading' | 'paused' | 'stopped' = 'reading';
  #deadline: { readonly at: number; readonly timer: Timer } | undefined;
  #drained: Deferred<void> | undefined;
  /** Messages at QoS 0 that were written since the last of them left, or began to wait for the disk. */
  #written: OutgoingMessage[] = [];
  /** Those that wait for the disk, by what they leave with. */
  readonly #leaving = new Queue<readonly OutgoingMessage[]>();
  /** PUBLISH packets at QoS 1 and 2 that were written until then, on all connections. */
  #published: number;

  constructor(connection: Connection, terms: LinkTerms, parts: LinkParts) {
    this.connection = connection;
    this.terms = terms;
    this.#parts = parts;
    this.#since = parts.clock.now();
    this.#published = parts.session.outgoing.published;
    const { incoming } = parts.session;
    this.#subscriptionLink = {
      get handed() {
        return incoming.handed;
      },
      limits: terms.limits,
      mqtt5: terms.protocolVersion === 5,
      acknowledged: (reached) => incoming.whenAcknowledged(reached),
      barrier: (reached) => connection.barrier(reached),
      takePacketId: () => (connection.isRunning ? parts.session.ids.take() : undefined),
      send: (packet, request) => this.#request(packet, request),
    };
  }

  /** Called within the connection's own turn, which owns what is thrown here. */
  receive(packet: SessionPacket): void {
    const { session, clock, handOver, numbers } = this.#parts;
    if (packet.cmd === 'suback' || packet.cmd === 'unsuback') {
      if (this.#requests.receive(packet)) session.ids.release(packet.packetId);
      return;
    }
    session.receive(packet, clock.now());
    if (packet.cmd !== 'publish') return;
    numbers.received.count(packet.qos, packet.payload.length);
    // At QoS 2 each message has a hand-over of its own: a deploy between two of them must not double the first.
    if (packet.qos === 2) handOver.mark();
  }

  /** A message that cannot be taken in: acknowledged in its turn, so that it does not come again, and told. */
  skip(problem: MqttError, message: SkippedMessage): void {
    if (this.#parts.session.incoming.skip(withoutContent(message))) this.#parts.report(problem);
  }

  /** All packets of a chunk were handled. */
  settled(): void {
    this.#parts.handOver.mark();
    this.pump();
  }

  /** Something can be sent: within this turn of the event loop, in one write with whatever else comes up. */
  wake(): void {
    if (this.#wokenAt !== undefined) return;
    const { clock } = this.#parts;
    this.#wokenAt = clock.now();
    clock.afterIo(() => {
      this.#wokenAt = undefined;
      this.pump();
    });
  }

  /** About now: when this turn was first woken, if it was; the clock need not be asked for each message. */
  get turn(): number | undefined {
    return this.#wokenAt;
  }

  /** Sends as much as session, quota and socket allow, then writes it all at once. */
  pump(): void {
    const now = this.#parts.clock.now();
    try {
      // Who is told something on the way may end the connection: the session gives nothing for one that is about to end.
      if (this.#isRunning) this.#expire(now);
      if (this.#isRunning) this.#ask();
      if (this.#isRunning) this.#sendAll(now);
      if (this.#isRunning) this.#goOn();
    } catch (error) {
      this.connection.fail(error);
    }
  }

  get #isRunning(): boolean {
    return this.connection.isRunning;
  }

  /**
   * Resolves when nothing is under way: all that was accepted has left and is acknowledged, or, after
   * {@link farewell}, what was received is. At the latest after `milliseconds`.
   */
  async drain(milliseconds: number): Promise<void> {
    const { clock } = this.#parts;
    const until = clock.now() + milliseconds;
    // What was given while the end of the last was on its way is under way too.
    for (let first = true; first || (!this.#idle && clock.now() < until); first = false) {
      if (!this.#isRunning) return;
      await this.#becomesIdle(until - clock.now());
    }
  }

  async #becomesIdle(milliseconds: number): Promise<void> {
    const drained = deferred<void>();
    this.#drained = drained;
    const timer = this.#parts.clock.timer(milliseconds, () => drained.resolve());
    // In a later turn: this one may be in the middle of a chunk, whose rest is not handled yet.
    this.wake();
    await drained.promise;
    timer.cancel();
    this.#drained = undefined;
  }

  get #idle(): boolean {
    const { session } = this.#parts;
    if (!this.connection.settled) return false;
    return this.#mode === 'open' ? session.idle && this.#requests.idle : session.incoming.idle;
  }

  /** From now on only acknowledgements leave, and what is about the end of the connection. */
  farewell(): void {
    this.#mode = 'farewell';
  }

  /** The end is due: acknowledgements leave in front of the DISCONNECT, though the socket is full. */
  last(): void {
    this.#mode = 'last';
    this.pump();
  }

  /** Nothing more is read: what comes now would not be acknowledged any more. */
  stopReading(): void {
    this.#reading = 'stopped';
    this.connection.hold();
  }

  /** Whether every SUBSCRIBE and UNSUBSCRIBE was answered. */
  get answered(): boolean {
    return this.#requests.idle;
  }

  /** The connection is gone. @returns messages at QoS 0 that did not leave. */
  end(): OutgoingMessage[] {
    this.#deadline?.timer.cancel();
    this.#drained?.resolve();
    for (const packetId of this.#requests.clear()) this.#parts.session.ids.release(packetId);
    return [...this.#leaving.drain().flat(), ...this.#takeWritten()];
  }

  /** What is late is told so. */
  #expire(now: number): void {
    const { session, handOver } = this.#parts;
    if ((session.deadline ?? Infinity) <= now) {
      session.expire(now);
      handOver.mark();
    }
    if ((this.#answerDeadline ?? Infinity) <= now) this.#requests.expire(now);
  }

  /** Asks for what is to be subscribed or unsubscribed. */
  #ask(): void {
    const { subscriptions } = this.#parts;
    if (this.#mode === 'open' && subscriptions.pending) subscriptions.flush(this.#subscriptionLink);
  }

  /** What follows when all that could was sent. */
  #goOn(): void {
    this.#prove();
    this.#endDoubt();
    this.readOrNot();
    this.#arm();
    if (this.#idle) this.#drained?.resolve();
  }

  #sendAll(now: number): void {
    const { session } = this.#parts;
    try {
      while (this.connection.writable || this.#mode === 'last') {
        const next = this.#mode === 'open' ? session.next(now) : session.nextFarewell(now);
        if (next === undefined) break;
        this.#send(next, now);
        if (this.connection.isFull) this.#leave(now);
      }
    } finally {
      // What was written before something failed leaves all the same.
      this.#leave(now);
    }
  }

  /** What was written leaves: at once, unless it waits for the disk. What is not acknowledged is done then. */
  #leave(now: number): void {
    const { session, clock } = this.#parts;
    const { outgoing } = session;
    const { published } = outgoing;
    if (this.#written.length === 0 && published === this.#published) return this.connection.flush();
    this.#published = published;
    if (this.connection.isImmediate) {
      this.connection.flush();
      return outgoing.left(published, this.#takeWritten(), now);
    }
    this.#leaving.push(this.#takeWritten());
    this.connection.whenSent(() => {
      const left = this.#leaving.shift() ?? [];
      return () => outgoing.left(published, left, clock.now());
    });
    this.connection.flush();
  }

  #takeWritten(): readonly OutgoingMessage[] {
    const written = this.#written;
    this.#written = [];
    return written;
  }

  #send(next: NextPacket, now: number): void {
    if (next.cmd !== 'publish') return this.connection.acknowledge(next.cmd, next.packetId, next.reasonCode);
    const { entry } = next;
    try {
      const bytes = this.connection.publish(publishPacket(next, now));
      this.#parts.numbers.sent.count(entry.message.qos, bytes);
    } catch (error) {
      // It was not written: the others are not to suffer for it.
      return this.#parts.session.outgoing.fail(entry, asMqttError(error, entry.message.topic), next.dup);
    }
    if (next.packetId === undefined) this.#written.push(entry);
  }

  #request(packet: ControlPacket & { readonly packetId: PacketId }, request: PendingRequest): void {
    try {
      this.connection.control(packet);
    } catch (error) {
      this.#parts.session.ids.release(packet.packetId);
      throw error;
    }
    this.#requests.add(packet.packetId, request, this.#parts.clock.now());
  }

  /** Before messages leave the Server has to answer what is not one of them: it may hang up on that. */
  #prove(): void {
    const { outgoing } = this.#parts.session;
    if (!outgoing.wantsProof || this.#mode !== 'open' || !this.#quiet) return;
    outgoing.proofAsked();
    this.connection.barrier(() => {
      outgoing.proved(this.#quiet);
      this.wake();
    });
    this.connection.flush();
  }

  /** What the Server has to send again has come when it answers, however long the network took for it. */
  #endDoubt(): void {
    const { incoming } = this.#parts.session;
    if (!incoming.wantsAnswer || this.#mode !== 'open') return;
    incoming.answerAsked();
    this.connection.barrier(() => incoming.doubtEnds());
    this.connection.flush();
  }

  /** Whether no SUBSCRIBE or UNSUBSCRIBE is under way, or about to be. One that is not answered in time is no reason. */
  get #quiet(): boolean {
    if (this.#parts.clock.now() - this.#since > LONGEST_ANSWER) return true;
    return this.answered && !this.#parts.subscriptions.unsettled;
  }

  /**
   * What cannot be acknowledged yet would have to be kept or lost: then the rest stays with the Server. So it does while
   * what came before it is about to be offered.
   */
  readOrNot(): void {
    const { session, handOver } = this.#parts;
    const pause = session.full || handOver.offering || this.connection.congested;
    if (this.#reading === 'stopped' || pause === (this.#reading === 'paused')) return;
    this.#reading = pause ? 'paused' : 'reading';
    if (!pause) {
      this.#requests.defer(this.#parts.clock.now());
      return this.connection.proceed();
    }
    this.connection.hold();
    if (session.full && session.incoming.unacknowledged > 0) this.#parts.report(paused(session.incoming));
  }

  /** No answer is late while none is read. */
  get #answerDeadline(): number | undefined {
    return this.#reading === 'reading' ? this.#requests.deadline : undefined;
  }

  #arm(): void {
    const at = earlier(this.#parts.session.deadline, this.#answerDeadline);
    if (at === this.#deadline?.at) return;
    this.#deadline?.timer.cancel();
    this.#deadline = undefined;
    if (at === undefined) return;
    const { clock } = this.#parts;
    this.#deadline = { at, timer: clock.timer(Math.max(0, at - clock.now()), () => this.#due()) };
  }

  #due(): void {
    // A timer may fire a moment early: then it is armed again.
    this.#deadline = undefined;
    this.pump();
  }
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

/** What is known of a message that was not taken in, as a packet. */
function withoutContent({ topic, qos, dup, packetId }: SkippedMessage): PublishPacket {
  const payload = Buffer.alloc(0);
  return { cmd: 'publish', topic, payload, qos, retain: false, dup, packetId, properties: undefined };
}

function paused({ unacknowledged, holding }: Session['incoming']): MqttError {
  const why = holding ? 'for nodes that are about to come back' : 'to be acknowledged by flows';
  const text = `reading is paused: ${unacknowledged} messages wait ${why}`;
  return new MqttError('reception-paused', text, { retryable: true });
}

function asMqttError(error: unknown, topic: string): MqttError {
  if (error instanceof PacketTooLarge) return error;
  return new MqttError('invalid-message', `the message to ${topic} cannot be sent: ${textOf(error)}`, { cause: error });
}
