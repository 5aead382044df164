import type { QoS } from '../protocol/packet.ts';
import type { OutgoingMessage } from './outgoing-message.ts';

/** A message behind which, alone under way on a connection that was proved good, so many connections ended is set aside. */
const MOST_HANG_UPS = 3;

/** QoS 2 messages that are set aside before it is taken for certain that the Server hangs up on the QoS. */
const MOST_REFUSED = 2;

/** Milliseconds for which that is taken for certain: it may have been about something else, a size or a topic. */
const VERDICT_TIME = 600_000;

/** So many times more before another one is, while none got through; and up to how often that is multiplied. */
const RASHNESS = 4;
const MOST_SET_ASIDE = 3;

/** Milliseconds after a PUBLISH within which the end of the connection may be its consequence. */
const RIGHT_BEHIND = 60_000;

/** Connections without any acknowledgement after which it is doubted that they work. */
const BARREN = 2;

/** How sure it is that a connection works before messages leave: not asked, to be asked for, asked for, or proved. */
type Proof = 'needless' | 'wanted' | 'asked' | 'given';

/** How a connection was that the Server ended. */
export interface HangUp {
  /** PUBLISH packets at QoS 1 and 2, and PUBRELs, that were not acknowledged. */
  readonly unacknowledged: number;
  /** Whether any message was acknowledged on it. */
  readonly fruitful: boolean;
  /** The one PUBLISH packet that was under way, and nothing else was; undefined if it was not so. */
  readonly only: OutgoingMessage | undefined;
  /** Milliseconds of `Clock.now`. */
  readonly now: number;
}

/**
 * Finds the message that the Server answers by hanging up, and which would end every connection for ever. Connections end
 * for many reasons: a subscription or a birth message that is not allowed, a broker that is ill, a network. So after two
 * that ended without any acknowledgement the next has to be proved good, by a PINGREQ behind all that is not a message of
 * a flow, before a message leaves; and only what was then alone under way can be blamed.
 */
export class HangUps {
  // Valid for the session.
  /** Connections in a row that the Server ended with messages under way, and without an acknowledgement. */
  #barren = 0;
  /** Messages that were set aside since a connection bore fruit: perhaps the Server takes none, until somebody mends that. */
  #setAside = 0;
  /** QoS 2 messages that were set aside, and none ever got through: the Server takes none. */
  #refusedAtQos2 = 0;
  #refusedAt = 0;
  /** By the topic of a birth or close message, which is another message on each connection. */
  readonly #announcements = new Map<string, number>();

  // Valid for the connection.
  #proof: Proof = 'needless';
  /** PUBLISH packets at QoS 1 and 2 that were made, and how many of them have left: some wait for a disk, or never do. */
  #made = 0;
  #left = 0;
  #leftAt = -Infinity;

  begin(): void {
    this.#proof = this.#barren < BARREN ? 'needless' : 'wanted';
  }

  /** Whether messages of flows may leave. */
  get mayPublish(): boolean {
    return this.#proof === 'needless' || this.#proof === 'given';
  }

  /** Whether the Server is to be asked, behind everything that was sent, whether it is still there. */
  get wantsProof(): boolean {
    return this.#proof === 'wanted';
  }

  asked(): void {
    this.#proof = 'asked';
  }

  /**
   * The Server answered: whatever was sent before was not what it hangs up on.
   * @param alone false: something else is under way again, and it has to be asked once more.
   */
  proved(alone: boolean): void {
    this.#proof = alone ? 'given' : 'wanted';
  }

  /** PUBLISH packets at QoS 1 and 2 that were made, whether they have left or not. */
  get published(): number {
    return this.#made;
  }

  /** A PUBLISH at QoS 1 or 2 is made; it leaves when nothing that it rests on waits for a disk. */
  publishes(): void {
    this.#made += 1;
  }

  /** The first so many of them have left. */
  left(count: number, now: number): void {
    if (count === this.#left) return;
    this.#left = count;
    this.#leftAt = now;
  }

  /** A message of a flow was acknowledged. */
  fruit(qos: QoS): void {
    this.#barren = 0;
    this.#setAside = 0;
    if (qos === 2) this.#refusedAtQos2 = -Infinity;
  }

  /** Whether the Server hung up on QoS 2 so often, and took none, that more of them would only cost connections. */
  takesNoQos2(now: number): boolean {
    return this.#refusedAtQos2 >= MOST_REFUSED && now - this.#refusedAt < VERDICT_TIME;
  }

  /** Whether the next connections are to find one message among those that wait: they should not be long in coming. */
  get searching(): boolean {
    return this.#barren >= BARREN && this.#setAside === 0;
  }

  /** How often connections ended behind an announcement with this topic alone; 0: it may be sent. */
  refused(topic: string): number {
    const times = this.#announcements.get(topic) ?? 0;
    return times >= MOST_HANG_UPS ? times : 0;
  }

  /** The Server took an announcement with this topic. */
  welcome(topic: string): void {
    this.#announcements.delete(topic);
  }

  /** The Server ended the connection. Answers how often it did behind a message of a flow that is to be set aside; 0: none is. */
  ended({ unacknowledged, fruitful, only, now }: HangUp): number {
    const proved = this.#proof === 'given';
    if (unacknowledged > 0 && !fruitful) this.#barren += 1;
    if (fruitful || unacknowledged !== 1 || only === undefined || !this.#isRightBehind(now)) return 0;
    if (!proved) return 0;
    only.hangUps += 1;
    if (only.hangUps < MOST_HANG_UPS * RASHNESS ** this.#setAside) return 0;
    this.#setAside = Math.min(this.#setAside + 1, MOST_SET_ASIDE);
    if (only.message.qos === 2) {
      this.#refusedAtQos2 += 1;
      this.#refusedAt = now;
    }
    return only.hangUps;
  }

  /** The Server ended the connection behind an announcement alone, before anything else was under way; answers how often. */
  endedBehind(topic: string, now: number): number {
    if (!this.#isRightBehind(now)) return 0;
    const times = (this.#announcements.get(topic) ?? 0) + 1;
    this.#announcements.set(topic, times);
    return times >= MOST_HANG_UPS ? times : 0;
  }

  /** Whether the last PUBLISH has left, and not long ago. */
  #isRightBehind(now: number): boolean {
    return this.#left === this.#made && now - this.#leftAt <= RIGHT_BEHIND;
  }
}
