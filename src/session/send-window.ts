import type { QoS } from '../protocol/packet.ts';

/** Milliseconds of calm after which a limit that was found is put to the test; doubles each time it is found again. */
const FIRST_PATIENCE = 10_000;
const LONGEST_PATIENCE = 600_000;

/** A connection that acknowledged so many times what was in flight did not end because of it. */
const PLENTY = 4;

export interface WindowLimits {
  /** The Server says its limit, so that there is no other one to be found. */
  readonly mqtt5: boolean;
  /** Unacknowledged PUBLISH packets at QoS 1 and 2 that the Server takes (4.9). */
  readonly receiveMaximum: number;
  /** Our own limit of that. */
  readonly maximumInflight: number;
}

/** What the Server allows to be sent on a connection. */
export interface SendLimits extends WindowLimits {
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
}

/**
 * The send quota (4.9): how many QoS 1 and 2 messages may be unacknowledged. On top of what the Server says it finds
 * what the Server does not say: brokers hang up on one message too many before MQTT 5, and some on a single message.
 * After two connections in a row that ended in a full window, or without any progress, the window is halved, after a
 * third only one message is under way; it grows with every acknowledgement, up to below what failed. A network that
 * breaks looks the same: therefore what was found is doubled again after a while of calm.
 */
export class SendWindow {
  // Valid for the session.
  #highest = 0;
  #size = 0;
  /** The window does not grow beyond it: one less than what the Server hung up on, if it did. */
  #ceiling = 0;
  #patience = FIRST_PATIENCE;
  #fruitless = 0;

  // Valid for the connection.
  #maximum = 0;
  #unacknowledged = 0;
  #acknowledged = 0;
  #peak = 0;
  #announced = false;
  /** Since when nothing spoke against a larger window: milliseconds of `Clock.now`. */
  #calmSince = 0;

  /** A new connection, on which `unacknowledged` PUBRELs are sent again. */
  begin({ receiveMaximum, maximumInflight, mqtt5 }: WindowLimits, unacknowledged: number, now: number): void {
    if (maximumInflight !== this.#highest) this.#restart(maximumInflight);
    this.#maximum = receiveMaximum;
    this.#announced = mqtt5;
    this.#unacknowledged = unacknowledged;
    this.#acknowledged = 0;
    this.#peak = 0;
    this.#calmSince = now;
  }

  /** Whether another message may be sent. */
  get open(): boolean {
    return this.#unacknowledged < Math.min(this.#size, this.#maximum);
  }

  /** Messages that were sent on this connection and not acknowledged, PUBRELs included. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  /** Whether this connection brought any acknowledgement that ended a message. */
  get fruitful(): boolean {
    return this.#acknowledged > 0;
  }

  sent(): void {
    this.#unacknowledged += 1;
    if (this.#unacknowledged > this.#peak) this.#peak = this.#unacknowledged;
  }

  /** The Server is done with a message of this connection that says nothing of its limits. */
  returned(): void {
    this.#unacknowledged -= 1;
  }

  /** The Server is done with a message of this connection; `now`: about now, by `Clock.now`. */
  acknowledged(now: number): void {
    this.#unacknowledged -= 1;
    this.#acknowledged += 1;
    if (this.#acknowledged >= PLENTY * this.#peak) this.#fruitless = 0;
    if (this.#size < this.#ceiling) this.#size += 1;
    else if (this.#ceiling < this.#highest) this.#test(now);
  }

  /** The Server ended the connection. */
  hungUp(): void {
    const full = this.#peak >= Math.min(this.#size, this.#maximum);
    const suspect = this.#peak > 1 && (full || !this.fruitful) && this.#acknowledged < PLENTY * this.#peak;
    if (!suspect) return;
    this.#fruitless += 1;
    // Connections are lost for many reasons: one alone shows nothing.
    if (this.#fruitless === 1) return;
    if (full && !this.#announced) this.#lowerCeiling();
    this.#size = this.#fruitless === 2 ? Math.max(1, Math.floor(Math.min(this.#size, this.#peak) / 2)) : 1;
  }

  /** What was learned was learned with another limit of our own. */
  #restart(highest: number): void {
    this.#highest = highest;
    this.#size = highest;
    this.#ceiling = highest;
  }

  #lowerCeiling(): void {
    this.#ceiling = Math.max(1, Math.min(this.#ceiling, this.#peak) - 1);
    this.#patience = Math.min(LONGEST_PATIENCE, this.#patience * 2);
  }

  /** After a while without trouble more is tried, and the sooner again the longer that goes well. */
  #test(now: number): void {
    if (now - this.#calmSince < this.#patience) return;
    this.#calmSince = now;
    this.#ceiling = Math.min(this.#highest, this.#ceiling * 2);
    this.#patience = Math.max(FIRST_PATIENCE, this.#patience / 2);
  }
}
