import { Queue } from '../util/queue.ts';
import type { OutgoingMessage } from './outgoing-message.ts';

/** Messages for each of which a hundredth of a millisecond passes before it is looked at again: so looking takes little. */
const LOOKED_AT = 100;

/** Milliseconds after which it is looked again in any case. */
const LONGEST_UNLOOKED = 1000;

/** Messages that wait to be sent, in order, and may expire meanwhile. Times are milliseconds of `Clock.now`. */
export class WaitingMessages extends Queue<OutgoingMessage> {
  /** Before that none expires. */
  #expiresFrom = Infinity;
  /** Before that it is not looked for again. */
  #lookedUntil = -Infinity;

  override push(entry: OutgoingMessage): void {
    super.push(entry);
    if (entry.expiresAt !== undefined && entry.expiresAt < this.#expiresFrom) this.#expiresFrom = entry.expiresAt;
  }

  /**
   * Takes out what has expired. It may be asked for with each message for which there is no room, and looks through all
   * that wait: where much does, up to a second late.
   */
  takeExpired(now: number): OutgoingMessage[] {
    if (now < this.#expiresFrom || now < this.#lookedUntil) return [];
    let next = Infinity;
    const late = this.partition(({ expiresAt = Infinity }) => {
      if (expiresAt <= now) return false;
      next = Math.min(next, expiresAt);
      return true;
    });
    this.#expiresFrom = next;
    this.#lookedUntil = now + Math.min(this.length / LOOKED_AT, LONGEST_UNLOOKED);
    return late;
  }
}
