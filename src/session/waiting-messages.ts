import { Queue } from '../util/queue.ts';
import { type Amount, type GivingWay, OldestFirst, ReplacedFirst, type WhenFull } from './giving-way.ts';
import type { OutgoingMessage } from './outgoing-message.ts';

/** Messages for each of which a hundredth of a millisecond passes before it is looked at again: so looking takes little. */
const LOOKED_AT = 100;

/** Milliseconds after which it is looked again in any case. */
const LONGEST_UNLOOKED = 1000;

/** Messages that gave way may stay in the queue, so many or as many as wait. */
const MOST_GONE = 1024;

/** Messages that wait to be sent, in order, and may expire or give way meanwhile. Times are milliseconds of `Clock.now`. */
export class WaitingMessages extends Queue<OutgoingMessage> {
  readonly whenFull: WhenFull;
  readonly #hasPlace: (entry: OutgoingMessage) => boolean;
  /** undefined: none does. */
  readonly #givingWay: GivingWay | undefined;
  /** Before that none expires. */
  #expiresFrom = Infinity;
  /** Before that it is not looked for again. */
  #lookedUntil = -Infinity;
  /** Messages that gave way and are in the queue still: they are settled. */
  #gone = 0;

  /** @param hasPlace whether a message has a place, which it may give up. */
  constructor(whenFull: WhenFull = 'refuse', hasPlace: (entry: OutgoingMessage) => boolean = () => true) {
    super();
    this.whenFull = whenFull;
    this.#hasPlace = hasPlace;
    this.#givingWay = this.#ruleFor(whenFull);
  }

  override get length(): number {
    return super.length - this.#gone;
  }

  override push(entry: OutgoingMessage): void {
    super.push(entry);
    if (this.#givingWay !== undefined && this.#hasPlace(entry)) this.#givingWay.came(entry);
    if (entry.expiresAt !== undefined && entry.expiresAt < this.#expiresFrom) this.#expiresFrom = entry.expiresAt;
  }

  override peek(): OutgoingMessage | undefined {
    if (this.#gone > 0) this.#skipGone();
    return super.peek();
  }

  override shift(): OutgoingMessage | undefined {
    if (this.#gone > 0) this.#skipGone();
    const entry = super.shift();
    if (entry !== undefined) this.#left(entry);
    return entry;
  }

  override *[Symbol.iterator](): Generator<OutgoingMessage> {
    for (const entry of super[Symbol.iterator]()) if (!entry.settled) yield entry;
  }

  override drain(): OutgoingMessage[] {
    const entries = super.drain();
    this.#givingWay?.clear();
    if (this.#gone === 0) return entries;
    this.#gone = 0;
    return entries.filter(({ settled }) => !settled);
  }

  override partition(keep: (entry: OutgoingMessage) => boolean): OutgoingMessage[] {
    const removed: OutgoingMessage[] = [];
    for (const entry of this.drain()) {
      if (keep(entry)) this.push(entry);
      else removed.push(entry);
    }
    return removed;
  }

  /** When {@link takeExpired} has something to do, at the earliest; Infinity: never. */
  get deadline(): number {
    return Math.max(this.#expiresFrom, this.#lookedUntil);
  }

  /**
   * Takes out what has expired. It may be asked for with each message for which there is no room, and looks through all
   * that wait: where much does, up to a second late.
   */
  takeExpired(now: number): OutgoingMessage[] {
    if (now < this.deadline) return [];
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

  /** How much becomes free at most for one more message to `topic`. */
  freeFor(topic: string): Amount {
    return this.#givingWay?.freeFor(topic) ?? { count: 0, bytes: 0 };
  }

  /** Those that give way to one more message to `topic`, so that `count` and `bytes` become free; none if that cannot be. */
  givingWay(topic: string, count: number, bytes: number): OutgoingMessage[] {
    const free = this.freeFor(topic);
    if (this.#givingWay === undefined || free.count < count || free.bytes < bytes) return [];
    this.#skipGone();
    const leaving: OutgoingMessage[] = [];
    let freed = 0;
    for (const entry of this.#givingWay.inTurn(topic)) {
      leaving.push(entry);
      freed += entry.size;
      if (leaving.length >= count && freed >= bytes) break;
    }
    return leaving;
  }

  /** A message gives way: it is settled by who takes it out. */
  takeOut(entry: OutgoingMessage): void {
    this.#left(entry);
    this.#gone += 1;
  }

  /** What gave way and is in the queue still must not fill the memory. */
  tidy(): void {
    if (this.#gone > MOST_GONE && this.#gone > this.length) for (const entry of this.drain()) this.push(entry);
  }

  #ruleFor(whenFull: WhenFull): GivingWay | undefined {
    switch (whenFull) {
      case 'refuse':
        return undefined;
      case 'drop-oldest':
        return new OldestFirst({ [Symbol.iterator]: () => this.#placed() });
      case 'keep-latest':
        return new ReplacedFirst();
    }
  }

  *#placed(): Generator<OutgoingMessage> {
    for (const entry of this) if (this.#hasPlace(entry)) yield entry;
  }

  #left(entry: OutgoingMessage): void {
    if (this.#givingWay !== undefined && this.#hasPlace(entry)) this.#givingWay.left(entry);
  }

  #skipGone(): void {
    for (let entry = super.peek(); entry?.settled === true; entry = super.peek()) {
      super.shift();
      this.#gone -= 1;
    }
  }
}
