import { MqttError } from '../protocol/errors.ts';
import { BacklogRows, type BacklogRow } from './backlog-rows.ts';
import { RecentMap } from '../util/recent-map.ts';
import { sizeOf } from './message-size.ts';
import type { Settle, StoredMessage } from './stored-message.ts';

/** How many messages, and bytes of them, wait in memory before others wait on disk alone. */
export interface Window {
  readonly messages: number;
  readonly bytes: number;
}

/** Who waits for the outcome of a message: somebody may, until he is told. */
export interface Waiter {
  settle: Settle | undefined;
}

/** Messages, in the order in which they were asked for; undefined: one that cannot be read any more, which was told. */
export type FoundMessages = readonly (StoredMessage | undefined)[];

/** Told what was found; undefined: the store was closed. */
export type Read = (messages: FoundMessages | undefined) => void;

/** The same, with what is known of them here. */
export type ReadRows = (rows: readonly BacklogRow[], messages: FoundMessages | undefined) => void;

/** What has the messages. */
export interface BacklogRecords {
  write(message: StoredMessage): void;
  /** Calls `read` in a later turn. */
  read(sequences: readonly number[], read: Read): void;
  /** A message is in memory from here on; its record stays. */
  took(message: StoredMessage): void;
}

/** Messages that are read at once. */
const PAGE = 500;
const PAGE_BYTES = 1024 * 1024;

/** Messages for each of which a hundredth of a millisecond passes before it is looked at again: so looking takes little. */
const LOOKED_AT = 100;

/** Milliseconds after which it is looked again in any case. */
const LONGEST_UNLOOKED = 1000;

/**
 * Messages that wait on disk alone, behind those that wait in memory: of each there are four numbers here, and who waits
 * for it, if somebody does. So a million of them cost some 32 MB, whatever they hold. Times are milliseconds of `Clock.now`.
 */
export class Backlog {
  readonly window: Window;
  readonly #records: BacklogRecords;
  #rows = new BacklogRows();
  readonly #waiters = new RecentMap<Waiter>();
  /** Those that are not on disk yet. */
  readonly #unwritten = new RecentMap<StoredMessage>();
  /** Those that were given up and are read still, so that who gave them is told. */
  readonly #givenUp = new Set<BacklogRows>();
  /** Before that none expires. */
  #expiresFrom = Infinity;
  /** Before that it is not looked for again. */
  #lookedUntil = -Infinity;

  constructor(window: Window, records: BacklogRecords) {
    this.window = window;
    this.#records = records;
  }

  get length(): number {
    return this.#rows.length;
  }

  /** What they count for in limits. */
  get bytes(): number {
    return this.#rows.bytes;
  }

  /** The last sequence that is in use, also for one that was given up and is read still; 0: there is none. */
  get last(): number {
    return Math.max(0, ...[this.#rows, ...this.#givenUp].map(({ last }) => last?.sequence ?? 0));
  }

  /** When the first of them was accepted. */
  get since(): number | undefined {
    return this.#rows.first?.acceptedAt;
  }

  /** When {@link takeExpired} has something to do, at the earliest; Infinity: never. */
  get deadline(): number {
    return Math.max(this.#expiresFrom, this.#lookedUntil);
  }

  /** Whether the record of this message is wanted. */
  has(sequence: number): boolean {
    return this.#find(sequence) !== undefined;
  }

  #find(sequence: number): BacklogRow | undefined {
    const row = this.#rows.find(sequence);
    if (row !== undefined || this.#givenUp.size === 0) return row;
    return [...this.#givenUp].map((rows) => rows.find(sequence)).find((found) => found !== undefined);
  }

  /** A message comes behind all others, and is written. */
  put(message: StoredMessage, waiter: Waiter | undefined): void {
    this.#records.write(message);
    this.#unwritten.set(message.sequence, message);
    if (waiter !== undefined) this.#waiters.set(message.sequence, waiter);
    this.found(message);
  }

  /** A message of an earlier process that is on disk. */
  found({ sequence, message, acceptedAt, expiresAt = Infinity }: StoredMessage): void {
    this.#rows.push({ sequence, size: sizeOf(message), acceptedAt, expiresAt });
    if (expiresAt < this.#expiresFrom) this.#expiresFrom = expiresAt;
  }

  /** It is on disk, or its record is not wanted any more. */
  written(sequence: number): void {
    this.#unwritten.delete(sequence);
  }

  /** Those that are not. */
  get unwritten(): Iterable<StoredMessage> {
    return this.#unwritten.values();
  }

  /** The next messages for memory. Until each is {@link take}n it stays here. */
  next(read: ReadRows): void {
    this.#readRows(this.#pageOf(this.#rows), read);
  }

  /** Gives the message up, if it is the first still. */
  take({ sequence }: BacklogRow): boolean {
    if (this.#rows.first?.sequence !== sequence) return false;
    this.#rows.shift();
    return true;
  }

  /** Who waits for a message that was taken; he is not known here any more. */
  takeWaiter(sequence: number): Waiter | undefined {
    const waiter = this.#waiters.get(sequence);
    this.#waiters.delete(sequence);
    return waiter;
  }

  /** A message that was taken is in memory now. */
  took(message: StoredMessage): void {
    this.#records.took(message);
  }

  /** Gives the first ones up, so that `count` and `bytes` become free, or all. */
  takeFirst(count: number, bytes: number): BacklogRows {
    const taken = new BacklogRows();
    while (taken.length < count || taken.bytes < bytes) {
      const row = this.#rows.shift();
      if (row === undefined) break;
      taken.push(row);
    }
    return this.#giveUp(taken);
  }

  takeAll(): BacklogRows {
    const all = this.#rows;
    this.#rows = new BacklogRows();
    this.#expiresFrom = Infinity;
    return this.#giveUp(all);
  }

  /** Gives up what has expired; where much waits, up to a second late. */
  takeExpired(now: number): BacklogRows {
    if (now < this.deadline) return new BacklogRows();
    const late = this.#rows.takeExpired(now);
    this.#expiresFrom = this.#rows.expiresFrom;
    this.#lookedUntil = now + Math.min(this.length / LOOKED_AT, LONGEST_UNLOOKED);
    return this.#giveUp(late);
  }

  #giveUp(rows: BacklogRows): BacklogRows {
    if (rows.length > 0) this.#givenUp.add(rows);
    return rows;
  }

  /** The first of `rows`, which were given up: they leave them when they are read. */
  readGivenUp(rows: BacklogRows, read: ReadRows): void {
    this.#readRows(this.#pageOf(rows), (page, messages) => {
      for (let left = page.length; left > 0; left--) rows.shift();
      const isHere = this.#givenUp.has(rows);
      if (rows.length === 0) this.#givenUp.delete(rows);
      read(page, isHere ? messages : undefined);
    });
  }

  #readRows(rows: readonly BacklogRow[], read: ReadRows): void {
    const sequences = rows.map(({ sequence }) => sequence);
    this.read(sequences, (messages) => read(rows, messages));
  }

  /** No more than there is room for. */
  #pageOf(rows: BacklogRows): BacklogRow[] {
    const page: BacklogRow[] = [];
    const mostMessages = Math.min(PAGE, this.window.messages);
    const mostBytes = Math.min(PAGE_BYTES, this.window.bytes);
    let bytes = 0;
    for (const row of rows) {
      bytes += row.size;
      if (page.length > 0 && (page.length >= mostMessages || bytes > mostBytes)) break;
      page.push(row);
    }
    return page;
  }

  /** Sequences of all, as they are now. */
  get sequences(): Float64Array {
    const all = new Float64Array(this.length);
    let index = 0;
    for (const { sequence } of this.#rows) all[index++] = sequence;
    return all;
  }

  /** Messages by their sequences, whether they are here or were taken; undefined: they have an outcome, or cannot be read. */
  read(sequences: readonly number[], read: Read): void {
    const known = sequences.map((sequence) => this.#unwritten.get(sequence));
    const rows = sequences.map((sequence) => this.#find(sequence));
    // What is in memory needs no disk, which may have failed.
    const asked = sequences.filter((_, index) => known[index] === undefined);
    this.#records.read(asked, (found) => {
      const next = found?.values();
      read(next && known.map((message, index) => message ?? inTimeOf(rows[index], next.next().value)));
    });
  }

  /** The end of the store: nobody is left here. @returns who waited, in order. */
  discard(): Waiter[] {
    this.takeAll();
    const waiters: Waiter[] = [];
    for (const rows of this.#givenUp) {
      for (const { sequence } of rows) {
        const waiter = this.#waiters.get(sequence);
        if (waiter !== undefined) waiters.push(waiter);
      }
    }
    this.#givenUp.clear();
    this.#waiters.clear();
    this.#unwritten.clear();
    return waiters;
  }
}

/** What is told of a message that is there no more when its turn comes. */
export function unreadable(): MqttError {
  return new MqttError('store-failed', 'a message that waited on disk cannot be read any more: it is not sent');
}

/** The record has its times by the clock on the wall, which may have been set since. */
function inTimeOf(row: BacklogRow | undefined, message: StoredMessage | undefined): StoredMessage | undefined {
  if (row === undefined || message === undefined) return message;
  const { acceptedAt, expiresAt } = row;
  return { ...message, acceptedAt, expiresAt: expiresAt === Infinity ? undefined : expiresAt };
}
