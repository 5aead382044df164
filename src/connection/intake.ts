import type { Framer } from '../codec/framer.ts';
import type { Transport } from '../transport/transport.ts';
import type { Clock } from '../util/clock.ts';

/** Packets that are handled in one turn of the event loop at most. */
const MOST_PACKETS = 1024;

/** And at least: when other work makes the turns long, the share of this connection must not vanish. */
const FEWEST_PACKETS = 128;

/** Milliseconds that a turn with its packets, and with all that flows do because of them, should take at most. */
const LONG_TURN = 20;

/**
 * When a connection reads. A peer that floods could keep the event loop for seconds: libuv reads a ready socket up to
 * 32 times before it looks at anything else, and a flow works on each message only after that. So after so many packets
 * reading rests until the turn is over, with the bytes where they are: in the network, which slows the peer down. How
 * many follows from how long the turns are. And the owner may hold reading for reasons of its own.
 */
export class Intake {
  readonly #framer: Framer;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #more: () => void;
  #budget = FEWEST_PACKETS;
  #left = FEWEST_PACKETS;
  #renewedAt: number;
  /** Until the turn is over. */
  #resting = false;
  /** Until the owner says otherwise. */
  #held = false;

  /** @param more asks, in a turn of its own, for {@link readOn}: what that hands on is handled as a chunk is. */
  constructor(framer: Framer, transport: Transport, clock: Clock, more: () => void) {
    this.#framer = framer;
    this.#transport = transport;
    this.#clock = clock;
    this.#more = more;
    this.#renewedAt = clock.now();
  }

  /** Whether the owner wants no packets for now. */
  get held(): boolean {
    return this.#held;
  }

  /** A packet was handled. */
  count(): void {
    this.#left -= 1;
    if (this.#left <= 0 && !this.#resting) this.#rest();
  }

  hold(): void {
    this.#held = true;
    this.#stop();
  }

  /** Never calls back from within: the packets that wait come in a later turn. */
  proceed(): void {
    if (!this.#held) return;
    this.#held = false;
    if (!this.#resting) this.#rest();
  }

  /** Hands on what waits, then reads again, unless a packet of it was one too many. */
  readOn(): void {
    this.#framer.resume();
    if (!this.#framer.paused) this.#transport.resume();
  }

  /** The transport is gone: what came before is handed on at once, unless the owner holds it. */
  finish(): void {
    this.#left = Infinity;
    if (!this.#held) this.#framer.resume();
  }

  #rest(): void {
    this.#resting = true;
    this.#stop();
    // Behind the work that the packets of this turn have caused: that is what the turn takes.
    this.#clock.afterIo(() => {
      this.#resting = false;
      this.#renew();
      if (!this.#held) this.#more();
    });
  }

  #stop(): void {
    this.#framer.pause();
    this.#transport.pause();
  }

  /** By the time since the last renewal: where packets come slowly, the budget is small before a flood begins. */
  #renew(): void {
    const now = this.#clock.now();
    const taken = now - this.#renewedAt;
    if (taken > LONG_TURN) this.#budget = Math.max(this.#budget / 2, FEWEST_PACKETS);
    else if (taken < LONG_TURN / 4) this.#budget = Math.min(this.#budget * 2, MOST_PACKETS);
    this.#left = this.#budget;
    this.#renewedAt = now;
  }
}
