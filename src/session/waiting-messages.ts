import { Queue } from '../util/queue.ts';
import type { OutgoingMessage } from './outgoing-message.ts';

/** What gives way to one more message in a full outbox: nothing, what waits longest, or what a later one to its topic replaces. */
export type WhenFull = 'refuse' | 'drop-oldest' | 'keep-latest';

/** Messages for each of which a hundredth of a millisecond passes before it is looked at again: so looking takes little. */
const LOOKED_AT = 100;

/** Milliseconds after which it is looked again in any case. */
const LONGEST_UNLOOKED = 1000;

/** Messages that gave way may stay in the queue, so many or as many as wait. */
const MOST_GONE = 1024;

/** Messages that wait to be sent, in order, and may expire or give way meanwhile. Times are milliseconds of `Clock.now`. */
export class WaitingMessages extends Queue<OutgoingMessage> {
  readonly #places: Places | undefined;
  /** Before that none expires. */
  #expiresFrom = Infinity;
  /** Before that it is not looked for again. */
  #lookedUntil = -Infinity;
  /** Messages that gave way and are in the queue still: they are settled. */
  #gone = 0;

  /** @param counts whether a message has a place, which it may give up. */
  constructor(whenFull: WhenFull = 'refuse', counts: (entry: OutgoingMessage) => boolean = () => true) {
    super();
    this.#places = whenFull === 'refuse' ? undefined : new Places(whenFull, counts);
  }

  override get length(): number {
    return super.length - this.#gone;
  }

  override push(entry: OutgoingMessage): void {
    super.push(entry);
    this.#places?.came(entry);
    if (entry.expiresAt !== undefined && entry.expiresAt < this.#expiresFrom) this.#expiresFrom = entry.expiresAt;
  }

  override peek(): OutgoingMessage | undefined {
    if (this.#gone > 0) this.#skipGone();
    return super.peek();
  }

  override shift(): OutgoingMessage | undefined {
    if (this.#gone > 0) this.#skipGone();
    const entry = super.shift();
    if (entry !== undefined) this.#places?.left(entry);
    return entry;
  }

  override *[Symbol.iterator](): Generator<OutgoingMessage> {
    for (const entry of super[Symbol.iterator]()) if (!entry.settled) yield entry;
  }

  override drain(): OutgoingMessage[] {
    const entries = super.drain();
    this.#places?.clear();
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

  /** Those that give way to one more message to `topic`, so that `count` and `bytes` become free; none if that cannot be. */
  givingWay(topic: string, count: number, bytes: number): OutgoingMessage[] {
    const free = this.#places?.freeFor(topic);
    if (this.#places === undefined || free === undefined || free.count < count || free.bytes < bytes) return [];
    this.#skipGone();
    const leaving: OutgoingMessage[] = [];
    let freed = 0;
    for (const entry of this.#places.inTurn(topic, this)) {
      leaving.push(entry);
      freed += entry.size;
      if (leaving.length >= count && freed >= bytes) break;
    }
    return leaving;
  }

  /** A message gives way: it is settled by who takes it out. */
  takeOut(entry: OutgoingMessage): void {
    this.#places?.left(entry);
    this.#gone += 1;
  }

  /** What gave way and is in the queue still must not fill the memory. */
  tidy(): void {
    if (this.#gone > MOST_GONE && this.#gone > this.length) for (const entry of this.drain()) this.push(entry);
  }

  #skipGone(): void {
    for (let entry = super.peek(); entry?.settled === true; entry = super.peek()) {
      super.shift();
      this.#gone -= 1;
    }
  }
}

/** What is known of those that wait, so that it costs little to say which give way. */
class Places {
  readonly #whenFull: Exclude<WhenFull, 'refuse'>;
  #count = 0;
  #bytes = 0;
  /** By topic, where the latest are kept. */
  readonly #latest = new Map<string, OutgoingMessage>();
  /** Those that a later one to their topic replaces, the oldest first. */
  readonly #replaced = new Set<OutgoingMessage>();
  #replacedBytes = 0;
  readonly #counts: (entry: OutgoingMessage) => boolean;

  constructor(whenFull: Exclude<WhenFull, 'refuse'>, counts: (entry: OutgoingMessage) => boolean) {
    this.#whenFull = whenFull;
    this.#counts = counts;
  }

  came(entry: OutgoingMessage): void {
    if (!this.#counts(entry)) return;
    this.#count += 1;
    this.#bytes += entry.size;
    if (this.#whenFull !== 'keep-latest') return;
    const before = this.#latest.get(entry.message.topic);
    if (before !== undefined) {
      this.#replaced.add(before);
      this.#replacedBytes += before.size;
    }
    this.#latest.set(entry.message.topic, entry);
  }

  left(entry: OutgoingMessage): void {
    if (!this.#counts(entry)) return;
    this.#count -= 1;
    this.#bytes -= entry.size;
    if (this.#whenFull !== 'keep-latest') return;
    if (this.#replaced.delete(entry)) this.#replacedBytes -= entry.size;
    else this.#latest.delete(entry.message.topic);
  }

  clear(): void {
    this.#count = 0;
    this.#bytes = 0;
    this.#latest.clear();
    this.#replaced.clear();
    this.#replacedBytes = 0;
  }

  /** How much becomes free at most for a message to `topic`. */
  freeFor(topic: string): { readonly count: number; readonly bytes: number } {
    if (this.#whenFull === 'drop-oldest') return { count: this.#count, bytes: this.#bytes };
    const same = this.#latest.get(topic);
    const { size: count } = this.#replaced;
    const bytes = this.#replacedBytes;
    return same === undefined ? { count, bytes } : { count: count + 1, bytes: bytes + same.size };
  }

  *inTurn(topic: string, all: Iterable<OutgoingMessage>): Generator<OutgoingMessage> {
    const same = this.#latest.get(topic);
    if (same !== undefined) yield same;
    if (this.#whenFull === 'keep-latest') yield* this.#replaced;
    else for (const entry of all) if (this.#counts(entry)) yield entry;
  }
}
