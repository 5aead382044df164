import type { Clock, Timer } from '../util/clock.ts';

export interface KeepAliveHandlers {
  /** Send PINGREQ. */
  ping(): void;
  /** The peer is gone: for the answer time nothing came after a PINGREQ, and nothing was taken from us. */
  dead(): void;
  /** Whether the network does not take all that was written. */
  blocked(): boolean;
}

/** PINGREQ leaves after this share of the Keep Alive, so that a late timer does not break [MQTT-3.1.2-20]. */
const PING_SHARE = 0.75;

/** A PINGREQ is to be answered within this share of the Keep Alive, within these limits in milliseconds. */
const ANSWER_SHARE = 0.5;
const SHORTEST_WAIT = 10_000;
const LONGEST_WAIT = 30_000;

/** Bytes a millisecond of the slowest network on which a large message is still to arrive, and how long that may take. */
const SLOWEST = 8;
/** Bytes that need no extra time. */
const ORDINARY = 65_536;
const LONGEST_UPLOAD = 600_000;

/**
 * Keep Alive (3.1.2.10): one timer, and a few times that cost a field each. It pings when either direction was silent,
 * so that a client that only sends notices a dead peer too. A peer that takes what we send lives, however long the
 * answer waits behind it.
 */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #handlers: KeepAliveHandlers;
  #interval = 0;
  #timer: Timer | undefined;
  #lastSent = 0;
  #lastReceived = 0;
  /** The last sign that the peer is there: bytes came, or bytes were taken. */
  #lastSign = 0;
  /** When the oldest unanswered PINGREQ left. */
  #pingedAt: number | undefined;
  /** Bytes handed over since anything was heard: what the network took lies in buffers, and the answer behind it. */
  #unproved = 0;
  /** What comes is not read: that nothing is heard says nothing. */
  #deaf = false;

  constructor(clock: Clock, handlers: KeepAliveHandlers) {
    this.#clock = clock;
    this.#handlers = handlers;
  }

  /** @param keepAlive in seconds; 0 is off. */
  start(keepAlive: number): void {
    this.stop();
    this.#interval = keepAlive * 1000;
    if (this.#interval === 0) return;
    this.#lastSent = this.#clock.now();
    this.#lastReceived = this.#lastSent;
    this.#lastSign = this.#lastSent;
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#interval = 0;
    this.#pingedAt = undefined;
  }

  /** @param bytes that were handed to the network. */
  sent(bytes: number): void {
    this.#lastSent = this.#clock.now();
    this.#unproved += bytes;
  }

  /** Any bytes count: a PINGRESP behind a large packet is on its way. */
  received(): void {
    this.#lastReceived = this.#clock.now();
    this.#lastSign = this.#lastReceived;
    this.#unproved = 0;
  }

  /** The network took some of what was written. */
  progressed(): void {
    this.#lastSign = this.#clock.now();
  }

  /** From now on nothing is read, by our own choice. */
  unheard(): void {
    this.#deaf = true;
  }

  /** It is read again: for what comes now there is the whole answer time. */
  heard(): void {
    this.#deaf = false;
    this.#lastSign = this.#clock.now();
  }

  #arm(): void {
    if (this.#interval === 0) return;
    const due = Math.min(this.#pingDue(), this.#answerDue());
    this.#timer = this.#clock.timer(Math.max(due - this.#clock.now(), 0), () => this.#fire());
  }

  /** With a PINGREQ under way, another one is due only because the Server counts the silence of the client. */
  #pingDue(): number {
    const silentSince = this.#pingedAt === undefined ? Math.min(this.#lastSent, this.#lastReceived) : this.#lastSent;
    return silentSince + this.#interval * PING_SHARE;
  }

  #answerDue(): number {
    if (this.#pingedAt === undefined) return Infinity;
    const wait = Math.min(Math.max(this.#interval * ANSWER_SHARE, SHORTEST_WAIT), LONGEST_WAIT);
    return Math.max(this.#pingedAt, this.#lastSign) + wait + this.#uploadTime;
  }

  /** How much longer the answer may take because of what lies before it in the buffers of the network. */
  get #uploadTime(): number {
    return Math.min(Math.max(this.#unproved - ORDINARY, 0) / SLOWEST, LONGEST_UPLOAD);
  }

  #fire(): void {
    if (this.#pingedAt !== undefined && this.#lastReceived >= this.#pingedAt) this.#pingedAt = undefined;
    const now = this.#clock.now();
    // Timers run before I/O: after a stalled event loop the answer may lie in the socket, unread.
    if (this.#answerDue() <= now) return this.#clock.afterIo(() => this.#judge());
    if (this.#pingDue() <= now) this.#ping(now);
    this.#arm();
  }

  #ping(now: number): void {
    // Behind what the network does not take, a second PINGREQ would only lengthen the queue.
    const waits = this.#pingedAt !== undefined && this.#handlers.blocked();
    this.#pingedAt ??= now;
    this.#lastSent = now;
    if (!waits) this.#handlers.ping();
  }

  #judge(): void {
    if (this.#interval === 0) return;
    if (this.#answerDue() > this.#clock.now()) return this.#arm();
    if (this.#lastReceived < (this.#pingedAt ?? 0) && this.#isGone()) {
      this.stop();
      return this.#handlers.dead();
    }
    this.#pingedAt = undefined;
    this.#arm();
  }

  #isGone(): boolean {
    return !this.#deaf || this.#handlers.blocked();
  }
}
