import type { Message } from '../protocol/packet.ts';
import type { BacklogRow, BacklogRows } from '../store/backlog-rows.ts';
import type { Backlog, FoundMessages } from '../store/backlog.ts';
import type { Settle, StoredMessage } from '../store/session-store.ts';
import { deferred } from '../util/deferred.ts';
import type { AcceptedMessages, PlaceOnDisk } from './accepted-messages.ts';
import type { OutgoingMessage } from './outgoing-message.ts';
import type { WaitingMessages } from './waiting-messages.ts';

/** Messages that are read at once for somebody who wants to see them. */
const READ_AT_ONCE = 200;

export interface WaitingOnDiskParts {
  readonly backlog: Backlog;
  readonly accepted: AcceptedMessages;
  /** Those that wait in memory. */
  readonly queued: WaitingMessages;
  /** Some of them came into memory. */
  readonly came: () => void;
}

/**
 * Messages that wait on disk alone, behind those that wait in memory, which they follow as there is room, in order. Those
 * that are given up are read first: who gave them is told of which it is.
 */
export class WaitingOnDisk {
  readonly #backlog: Backlog;
  readonly #accepted: AcceptedMessages;
  readonly #queued: WaitingMessages;
  readonly #came: () => void;
  #isReading = false;
  #left = false;

  constructor({ backlog, accepted, queued, came }: WaitingOnDiskParts) {
    this.#backlog = backlog;
    this.#accepted = accepted;
    this.#queued = queued;
    this.#came = came;
  }

  get length(): number {
    return this.#backlog.length;
  }

  /** What they count for in limits. */
  get bytes(): number {
    return this.#backlog.bytes;
  }

  /** When the first of them was accepted. */
  get since(): number | undefined {
    return this.#backlog.since;
  }

  /** When {@link endExpired} has something to do, at the earliest. */
  get deadline(): number {
    return this.#backlog.deadline;
  }

  /** Whether the next message has to wait here. */
  get isNext(): boolean {
    return this.#backlog.length > 0 || !this.#hasRoom(1);
  }

  accept(message: Message, acceptedAt: number, expiresAt: number | undefined, settle: Settle): PlaceOnDisk {
    return this.#accepted.acceptOnDisk(this.#backlog, message, acceptedAt, expiresAt, settle);
  }

  /** Those that follow come into memory, if there is room. */
  refill(): void {
    if (this.#isReading || this.#left || this.#backlog.length === 0) return;
    // What is under way must not keep the next ones out: the Server may answer it as late as it likes.
    if (this.#queued.length > 0 && !this.#hasRoom(0.5)) return;
    this.#isReading = true;
    this.#backlog.next((rows, messages) => {
      this.#isReading = false;
      // They are for whoever has the store now.
      if (this.#left || messages === undefined) return;
      for (const [index, row] of rows.entries()) {
        // Given up meanwhile.
        if (!this.#backlog.take(row)) continue;
        const entry = this.#accepted.drawn(row, messages[index]);
        if (entry !== undefined) this.#queue(entry);
      }
      this.refill();
      this.#came();
    });
  }

  /** The first give way, so that so much becomes free. */
  giveWay(count: number, bytes: number, why: (entry: OutgoingMessage) => Error): void {
    this.#end(this.#backlog.takeFirst(count, bytes), why);
  }

  /** What has expired ends; those that follow come into memory, where others expired too. */
  endExpired(now: number, why: (entry: OutgoingMessage) => Error): void {
    this.#end(this.#backlog.takeExpired(now), why);
  }

  /** All end. @returns how many. */
  endAll(why: (entry: OutgoingMessage) => Error): number {
    const all = this.#backlog.takeAll();
    const { length } = all;
    this.#end(all, why);
    return length;
  }

  /** Reads all as it is now, some at a time. */
  read(): AsyncGenerator<readonly StoredMessage[]> {
    return this.#readAll(this.#backlog.sequences);
  }

  async *#readAll(sequences: Float64Array): AsyncGenerator<readonly StoredMessage[]> {
    for (let start = 0; start < sequences.length; start += READ_AT_ONCE) {
      const some = await this.#found([...sequences.subarray(start, start + READ_AT_ONCE)]);
      if (some === undefined) return;
      yield some.filter((message) => message !== undefined);
    }
  }

  #found(sequences: readonly number[]): Promise<FoundMessages | undefined> {
    const { promise, resolve } = deferred<FoundMessages | undefined>();
    this.#backlog.read(sequences, resolve);
    return promise;
  }

  /** Somebody else goes on with the store. */
  leave(): void {
    this.#left = true;
  }

  /** Where a rule has to know all that waits, all of it comes into memory. */
  #hasRoom(share: number): boolean {
    if (this.#queued.whenFull === 'keep-latest') return true;
    const { messages, bytes } = this.#backlog.window;
    const bytesInMemory = this.#accepted.bytes - this.#backlog.bytes;
    return this.#queued.length < messages * share && bytesInMemory < bytes * share;
  }

  #queue(entry: OutgoingMessage): void {
    this.#backlog.took(entry);
    this.#queued.push(entry);
  }

  /** They count no more from here on; who gave them is told as they are read. */
  #end(rows: BacklogRows, why: (entry: OutgoingMessage) => Error): void {
    this.#accepted.givenUp(rows.length, rows.bytes);
    this.#endSome(rows, why);
  }

  #endSome(rows: BacklogRows, why: (entry: OutgoingMessage) => Error): void {
    if (rows.length === 0) return this.refill();
    this.#backlog.readGivenUp(rows, (some, messages) => {
      if (messages === undefined) return this.#endUnread([...some, ...rows]);
      for (const [index, row] of some.entries()) this.#endOne(row, messages[index], why);
      this.#endSome(rows, why);
    });
  }

  /** The store was closed before it said which they are. */
  #endUnread(rows: readonly BacklogRow[]): void {
    for (const { sequence } of rows) this.#accepted.endUnread(sequence);
  }

  #endOne(row: BacklogRow, message: StoredMessage | undefined, why: (entry: OutgoingMessage) => Error): void {
    this.#accepted.givenUp(-1, -row.size);
    const entry = this.#accepted.drawn(row, message);
    if (entry !== undefined) this.#accepted.end(entry, why(entry), 0);
  }
}
