import { MqttError } from '../protocol/errors.ts';
import type { Clock, Timer } from '../util/clock.ts';
import { deferred } from '../util/deferred.ts';
import { why } from './database.ts';
import type { Batch, Medium } from './medium.ts';
import { isAside, type Row } from './session-records.ts';
import type { Durable } from './session-store.ts';

/** Milliseconds after which a disk that failed is tried again. */
const RETRY_TIME = 10_000;

/** Milliseconds that a write may take, and as many more for each megabyte: a card writes no more than some in a second. */
const LONGEST_WRITE = 5_000;
const LONGEST_MEGABYTE = 1_000;
const MEGABYTE = 1024 * 1024;

/** Milliseconds that it may take to say on disk what the received ids are worth. */
const LONGEST_MARK = 1_000;

export interface WriteBehindOptions {
  /** As `DiskStoreOptions.fsync`. */
  readonly fsync: boolean;
  readonly clock: Clock;
  /** Told what a person should know. */
  readonly report: (problem: MqttError) => void;
}

/** What memory has of all that is written. */
export interface InMemory {
  /** Puts what was announced into the batch that is about to be written. */
  complete(batch: Batch): void;
  /** What was announced is not written: everything is, when the disk works again. */
  dropped(): void;
  /** All that memory has now is about to be written: what this returns is called when it is. */
  leaving(): () => void;
  /** Its records. */
  rows(): readonly Row[];
  /** Bytes of these, about. */
  size(): number;
  /** Whether a record is wanted that memory does not have. */
  isOnlyOnDisk(key: string): boolean;
}

/**
 * Writes records in batches, one after another, each with all that came while the last one was written. A disk that fails
 * keeps nobody waiting: what comes is in memory alone, and everything is written anew when the disk works again.
 */
export class WriteBehind {
  /** From the next batch on. */
  fsync: boolean;
  readonly #medium: Medium;
  readonly #clock: Clock;
  readonly #report: (problem: MqttError) => void;
  readonly #memory: InMemory;
  /** What the next batch writes. */
  #batch: Batch | undefined;
  /** Bytes of it. */
  #bytes = 0;
  /** Whether somebody may wait for it: nobody does where only messages and subscriptions are removed. */
  #needed = false;
  /** Called when it is written. */
  #waiting: Durable[] = [];
  #writing: Promise<void> | undefined;
  /** Called when the batch that is being written is; undefined: there is none for which anybody waits. */
  #written: Durable[] | undefined;
  /** `failed`: in memory alone, until the disk works again; `rewriting`: perhaps it does, and what comes is collected. */
  #phase: 'writing' | 'failed' | 'rewriting' | 'closed' = 'writing';
  #retry: Timer | undefined;
  /** What the database was given to do and has not done, in time or not. */
  #underWay = 0;

  constructor(medium: Medium, { fsync, clock, report }: WriteBehindOptions, memory: InMemory) {
    this.fsync = fsync;
    this.#medium = medium;
    this.#clock = clock;
    this.#report = report;
    this.#memory = memory;
  }

  /** Whether what comes is written; else everything will be, or nothing any more. */
  get isCollecting(): boolean {
    return this.#phase === 'writing' || this.#phase === 'rewriting';
  }

  /** Whether all is written that came. */
  get isIdle(): boolean {
    return this.#writing === undefined && this.#batch === undefined;
  }

  /** Whether all is durable for which somebody may wait. */
  get isDurable(): boolean {
    return !this.#needed && this.#written === undefined;
  }

  put(row: Row): void {
    if (!this.isCollecting) return;
    this.#open().put(...row);
    this.#needs(bytesOf(row));
  }

  /** So many bytes are put by {@link InMemory.complete}. */
  announce(bytes: number): void {
    if (!this.isCollecting) return;
    this.#open();
    this.#needs(bytes);
  }

  #needs(bytes: number): void {
    this.#bytes += bytes;
    this.#needed = true;
  }

  /** Something is put by {@link InMemory.complete} for which nobody waits. */
  announceQuietly(): void {
    if (this.isCollecting) this.#open();
  }

  /** Nobody waits for it: found once more, the record does no harm. */
  delete(key: string): void {
    if (this.isCollecting) this.#open().del(key);
  }

  /** It is waited for as if it were put. */
  deleteAwaited(key: string): void {
    this.delete(key);
    if (this.isCollecting) this.#needed = true;
  }

  commit(durable: Durable): void {
    if (this.#needed) {
      this.#waiting.push(durable);
      this.#begin();
    } else if (this.#written !== undefined) this.#written.push(durable);
    else durable(this.#phase === 'writing');
  }

  /** Resolves when all that came is on disk, as far as it can be. */
  async flush(): Promise<void> {
    this.#begin();
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Nothing is written any more, but for the batch that is under way, which is waited for. */
  async end(): Promise<void> {
    await this.#writing;
    this.#phase = 'closed';
    this.#retry?.cancel();
    await this.#batch?.close();
    this.#batch = undefined;
  }

  /** The batch that collects, which is written within this turn or behind the one that is being written. */
  #open(): Batch {
    if (this.#batch !== undefined) return this.#batch;
    if (this.#writing === undefined) this.#clock.afterIo(() => this.#begin());
    return (this.#batch = this.#medium.database.batch());
  }

  #begin(): void {
    const batch = this.#batch;
    if (batch === undefined || this.#writing !== undefined || this.#phase !== 'writing') return;
    const bytes = this.#bytes;
    this.#memory.complete(batch);
    const wrote = this.#memory.leaving();
    this.#written = this.#needed ? this.#waiting : undefined;
    this.#batch = undefined;
    this.#bytes = 0;
    this.#needed = false;
    this.#waiting = [];
    this.#writing = this.#inTime(batch.write({ sync: this.fsync }), longestFor(bytes)).then(
      () => this.#wrote(wrote),
      (error: unknown) => this.#failsBehind(this.#medium.distrust(), error),
    );
  }

  #wrote(wrote: () => void): void {
    wrote();
    this.#succeeds();
  }

  /** What may not wait for the disk any more leaves behind `work`, or when that takes too long too. */
  async #failsBehind(work: Promise<void>, error: unknown): Promise<void> {
    await this.#inTime(work, LONGEST_MARK).catch(() => undefined);
    this.#fails(error);
  }

  /** A disk that hangs must not keep messages back: it counts as one that failed. What it does later changes nothing. */
  #inTime<T>(work: Promise<T>, longest: number): Promise<T> {
    const { promise, resolve, reject } = deferred<T>();
    const timer = this.#clock.timer(longest, () => reject(new Error(`it takes more than ${longest / 1000} s`)));
    this.#underWay += 1;
    // The promise that is returned has the failure.
    work.then(resolve, reject).finally(() => {
      this.#underWay -= 1;
      timer.cancel();
    });
    return promise;
  }

  #succeeds(): void {
    const written = this.#written ?? [];
    this.#writing = undefined;
    this.#written = undefined;
    for (const durable of written) durable(true);
    this.#begin();
  }

  /** What waits for the disk does not wait for ever: the session goes on in memory. */
  #fails(error: unknown): void {
    const all = [...(this.#written ?? []), ...this.#waiting];
    this.#writing = undefined;
    this.#written = undefined;
    this.#needed = false;
    this.#waiting = [];
    if (this.#phase === 'writing') {
      this.#phase = 'failed';
      const text = `the session cannot be written to ${this.#medium.folder}: ${why(error)}; it is kept in memory until it can`;
      this.#report(new MqttError('store-failed', text, { cause: error, retryable: true }));
    }
    if (this.#phase === 'rewriting') this.#phase = 'failed';
    this.#dropBatch();
    if (this.#phase === 'failed') this.#tryLater();
    for (const durable of all) durable(false);
  }

  #dropBatch(): void {
    // A batch that was not written has nothing that could fail at its end.
    void this.#batch?.close().catch(() => undefined);
    this.#batch = undefined;
    this.#memory.dropped();
    this.#bytes = 0;
  }

  #tryLater(): void {
    this.#retry = this.#clock.timer(RETRY_TIME, () => this.#tryAgain());
  }

  /** Everything anew: what was written while it failed is in no batch. */
  #tryAgain(): void {
    if (this.#phase !== 'failed') return;
    // What hangs may end yet, and the database does one thing at a time.
    if (this.#underWay > 0) return this.#tryLater();
    this.#writing = this.#rewrite().then(
      (wrote) => this.#isBack(wrote),
      (error: unknown) => this.#fails(error),
    );
  }

  #isBack(wrote: () => void): void {
    this.#phase = 'writing';
    wrote();
    this.#report(new MqttError('store-failed', `the session is on disk again, in ${this.#medium.folder}`));
    this.#succeeds();
  }

  /** @returns what is to be called when that counts. */
  async #rewrite(): Promise<() => void> {
    const stale = await this.#inTime(this.#reopen(), longestFor(this.#memory.size()));
    this.#mustBeFailed();
    // From here on what comes is collected behind this batch.
    this.#phase = 'rewriting';
    const wrote = this.#memory.leaving();
    const rows = this.#memory.rows();
    const all = this.#medium.database.batch();
    // One batch: it is written as a whole, or nothing of it.
    for (const key of stale) if (!isAside(key) && !this.#memory.isOnlyOnDisk(key)) all.del(key);
    for (const row of rows) all.put(...row);
    const bytes = rows.reduce((sum, row) => sum + bytesOf(row), 0);
    await this.#inTime(all.write({ sync: this.fsync }), longestFor(bytes));
    // Without it ids are not known to the next process: messages come twice then, and none is lost.
    await this.#inTime(this.#medium.trust(), LONGEST_MARK).catch(() => undefined);
    return wrote;
  }

  /** After a failure the database takes nothing until it is opened anew. @returns the keys of what is there. */
  async #reopen(): Promise<readonly string[]> {
    await this.#medium.database.close();
    this.#mustBeFailed();
    await this.#medium.database.open();
    return this.#medium.database.keys().all();
  }

  /** Somebody may have let go of the folder meanwhile, and others use it. */
  #mustBeFailed(): void {
    if (this.#phase !== 'failed') throw new Error('it was closed');
  }
}

/** Milliseconds that a write of so many bytes may take. */
function longestFor(bytes: number): number {
  return LONGEST_WRITE + Math.floor(bytes / MEGABYTE) * LONGEST_MEGABYTE;
}

function bytesOf([key, value]: Row): number {
  return key.length + value.length;
}
