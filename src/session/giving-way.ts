import type { OutgoingMessage } from './outgoing-message.ts';

/** What gives way to one more message in a full outbox: nothing, what waits longest, or what a later one to its topic replaces. */
export type WhenFull = 'refuse' | 'drop-oldest' | 'keep-latest';

/** So many messages, and so many bytes of them. */
export interface Amount {
  readonly count: number;
  readonly bytes: number;
}

/** A rule by which messages that wait give way; it knows of those that have a place at any time, so that asking costs little. */
export interface GivingWay {
  came(entry: OutgoingMessage): void;
  left(entry: OutgoingMessage): void;
  clear(): void;
  /** How much becomes free at most for a message to `topic`. */
  freeFor(topic: string): Amount;
  /** Those that give way to it, in their turn. */
  inTurn(topic: string): Iterable<OutgoingMessage>;
}

/** What waits longest gives way. */
export class OldestFirst implements GivingWay {
  readonly #waiting: Iterable<OutgoingMessage>;
  #count = 0;
  #bytes = 0;

  /** @param waiting all that have a place, the oldest first, whenever it is asked. */
  constructor(waiting: Iterable<OutgoingMessage>) {
    this.#waiting = waiting;
  }

  came({ size }: OutgoingMessage): void {
    this.#count += 1;
    this.#bytes += size;
  }

  left({ size }: OutgoingMessage): void {
    this.#count -= 1;
    this.#bytes -= size;
  }

  clear(): void {
    this.#count = 0;
    this.#bytes = 0;
  }

  freeFor(): Amount {
    return { count: this.#count, bytes: this.#bytes };
  }

  inTurn(): Iterable<OutgoingMessage> {
    return this.#waiting;
  }
}

/** What a later message to its topic replaces gives way. */
export class ReplacedFirst implements GivingWay {
  /** By topic. */
  readonly #latest = new Map<string, OutgoingMessage>();
  /** Those that a later one replaces, the oldest first. */
  readonly #replaced = new Set<OutgoingMessage>();
  #replacedBytes = 0;

  came(entry: OutgoingMessage): void {
    const before = this.#latest.get(entry.message.topic);
    if (before !== undefined) {
      this.#replaced.add(before);
      this.#replacedBytes += before.size;
    }
    this.#latest.set(entry.message.topic, entry);
  }

  left(entry: OutgoingMessage): void {
    if (this.#replaced.delete(entry)) this.#replacedBytes -= entry.size;
    else this.#latest.delete(entry.message.topic);
  }

  clear(): void {
    this.#latest.clear();
    this.#replaced.clear();
    this.#replacedBytes = 0;
  }

  freeFor(topic: string): Amount {
    const same = this.#latest.get(topic);
    const { size: count } = this.#replaced;
    if (same === undefined) return { count, bytes: this.#replacedBytes };
    return { count: count + 1, bytes: this.#replacedBytes + same.size };
  }

  *inTurn(topic: string): Generator<OutgoingMessage> {
    const same = this.#latest.get(topic);
    if (same !== undefined) yield same;
    yield* this.#replaced;
  }
}
