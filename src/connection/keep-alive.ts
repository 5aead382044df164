import type { Clock, Timer } from '../util/clock.ts';

export interface KeepAliveHandlers {
  /** Send PINGREQ. */
  ping(): void;
  /** Nothing came within the deadline after a PINGREQ: the peer is gone. */
  dead(): void;
}

/** PINGREQ leaves after this share of the Keep Alive, so that a late timer does not break [MQTT-3.1.2-20]. */
const PING_SHARE = 0.75;

/** A PINGREQ is to be answered within this share of the Keep Alive, and never later than the longest wait. */
const ANSWER_SHARE = 0.5;
const LONGEST_WAIT = 30_000;

/**
 * Keep Alive (3.1.2.10): one timer, and two times that cost a field each. It pings when either direction was silent,
 * so that a client that only sends notices a dead peer too.
 */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #handlers: KeepAliveHandlers;
  #interval = 0;
  #timer: Timer | undefined;
  #lastSent = 0;
  #lastReceived = 0;
  /** When the unanswered PINGREQ left. */
  #pingedAt: number | undefined;

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
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#interval = 0;
    this.#pingedAt = undefined;
  }

  sent(): void {
    this.#lastSent = this.#clock.now();
  }

  /** Any bytes count: a PINGRESP behind a large packet is on its way. */
  received(): void {
    this.#lastReceived = this.#clock.now();
  }

  #arm(): void {
    this.#timer = this.#clock.timer(Math.max(this.#due() - this.#clock.now(), 0), () => this.#fire());
  }

  #due(): number {
    if (this.#pingedAt !== undefined) return this.#pingedAt + Math.min(this.#interval * ANSWER_SHARE, LONGEST_WAIT);
    return Math.min(this.#lastSent, this.#lastReceived) + this.#interval * PING_SHARE;
  }

  #fire(): void {
    if (this.#due() > this.#clock.now()) return this.#arm();
    if (this.#pingedAt === undefined) return this.#ping();
    // Timers run before I/O: after a stalled event loop the answer may lie in the socket, unread.
    this.#clock.afterIo(() => this.#judge(this.#pingedAt ?? 0));
  }

  #ping(): void {
    this.#pingedAt = this.#clock.now();
    this.#handlers.ping();
    this.#arm();
  }

  #judge(pingedAt: number): void {
    if (this.#interval === 0) return;
    if (this.#lastReceived < pingedAt) {
      this.stop();
      return this.#handlers.dead();
    }
    this.#pingedAt = undefined;
    this.#arm();
  }
}
