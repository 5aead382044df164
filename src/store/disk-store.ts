import { MqttError } from '../protocol/errors.ts';
import type { PacketId } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';
import { type Clock, systemClock, type Timer } from '../util/clock.ts';
import { deferred } from '../util/deferred.ts';
import { distrust, OtherVersion, why } from './database.ts';
import type { BacklogRow } from './backlog-rows.ts';
import { Backlog, type FoundMessages, unreadable, type Window } from './backlog.ts';
import { BacklogReader } from './backlog-reader.ts';
import { MemoryStore, tellAll } from './memory-store.ts';
import type { Batch, Medium } from './medium.ts';
import { MessageGroups, messageKey } from './message-groups.ts';
import { sizeOf } from './message-size.ts';
import { SessionFolder } from './session-folder.ts';
import { SessionReading } from './session-reading.ts';
import {
  filterKey,
  identityRow,
  isAside,
  isOurs,
  isStepKept,
  messageOf,
  messageRow,
  putAside,
  receivedKey,
  receivedRow,
  type Row,
  rowsOf,
  sequenceIn,
  stateKey,
  stateRow,
  subscriptionRow,
  VERSION_ROW,
  wallOf,
  wishKey,
  wishRow,
} from './session-records.ts';
import {
  atOnce,
  type Durable,
  type Failing,
  type SessionIdentity,
  type SessionStore,
  type StoredMessage,
  type StoredReceived,
  type StoredSession,
  type StoredSubscription,
  type StoredWish,
} from './session-store.ts';

export interface DiskStoreOptions {
  /** Whether each batch is on the medium before it counts: it outlives a power cut then, not only the process. Default false. */
  readonly fsync?: boolean;
  readonly clock?: Clock;
  /** What waits in memory too; what is behind it waits on disk alone. Default 10,000 messages, 16 MiB. */
  readonly window?: Window;
  /** Told what a person should know: what could not be read or written. */
  readonly report: (problem: MqttError) => void;
}

/** Milliseconds after which a disk that failed is tried again. */
const RETRY_TIME = 10_000;

/** Milliseconds that a write may take, and as many more for each megabyte: a card writes no more than some in a second. */
const LONGEST_WRITE = 5_000;
const LONGEST_MEGABYTE = 1_000;
const MEGABYTE = 1024 * 1024;

/** Milliseconds that it may take to say on disk what the received ids are worth. */
const LONGEST_MARK = 1_000;

/** Milliseconds that the disk may take for some messages of a session that goes on elsewhere. */
const LONGEST_READ = 5_000;

/** Bytes that a record costs besides its payload, about. */
const OVERHEAD = 200;

const DEFAULT_WINDOW: Window = { messages: 10_000, bytes: 16 * MEGABYTE };

/**
 * Keeps a session on disk, in a folder of its own: it outlives the process. What is read is in memory too, but for
 * messages that wait behind many others, which are read when their turn comes. What is written goes to the disk in
 * batches, one after another, each with all that came while the last one was written. Where the disk fails the session
 * goes on in memory, and is written anew when it works again.
 */
export class DiskStore implements SessionStore {
  readonly #mirror = new MemoryStore();
  readonly backlog: Backlog;
  readonly #medium: Medium;
  #fsync: boolean;
  readonly #clock: Clock;
  readonly #report: (problem: MqttError) => void;
  /** Messages that are not on disk yet. */
  readonly #unwritten = new Set<number>();
  /** Those that are in memory, and their records. */
  readonly #groups = new MessageGroups();
  /** Messages whose step has a record of its own. */
  readonly #stepped = new Set<number>();
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
  readonly #reader: BacklogReader;
  /** What the database was given to do and has not done, in time or not. */
  #underWay = 0;

  private constructor(
    medium: Medium,
    { fsync = false, clock = systemClock, window = DEFAULT_WINDOW, report }: DiskStoreOptions,
  ) {
    this.backlog = new Backlog(window, {
      write: (message) => this.#writeAlone(message),
      read: (sequences, read) => this.#reader.read(sequences, read),
      took: (message) => this.#mirror.put(message),
    });
    this.#medium = medium;
    this.#fsync = fsync;
    this.#clock = clock;
    this.#report = report;
    this.#reader = new BacklogReader({
      folder: medium.folder,
      find: (sequences) => this.#found(sequences),
      clock,
      report,
    });
  }

  /**
   * Opens the session of a folder, or begins one in it. Only its owner can read it.
   * @throws {MqttError} `store-failed`: another process uses it, or the folder cannot be used.
   */
  static open(folder: string, options: DiskStoreOptions): Promise<DiskStore> {
    const { report, clock = systemClock } = options;
    return SessionFolder.open(folder, { report, clock }, (medium) => DiskStore.on(medium, options));
  }

  /**
   * Reads the session of a medium that is open, or begins one on it.
   * @throws {OtherVersion} a later version wrote it.
   */
  static async on(medium: Medium, options: DiskStoreOptions): Promise<DiskStore> {
    const { database } = medium;
    if (!(await isOurs(database))) throw new OtherVersion('a later version wrote it');
    const store = new DiskStore(medium, options);
    await store.#read();
    await store.#becomeTrusted();
    await database.put(...VERSION_ROW);
    return store;
  }

  /** The session of a folder goes on elsewhere, where the disk does not answer: the next process is not to trust its received ids. */
  static leaveBehind(folder: string): Promise<void> {
    return distrust(folder);
  }

  /**
   * Whether there may be a session in the folder, readable or not; false: there certainly is none. Resolves within a second,
   * whatever the disk does.
   */
  static mayBeIn(folder: string, clock: Clock = systemClock): Promise<boolean> {
    return SessionFolder.mayBeIn(folder, clock);
  }

  /**
   * How many messages wait in a folder that may be another process's, and in which nothing is changed; undefined: that cannot
   * be seen. What expired, or is of a connection that is gone, does not wait.
   */
  static waitingIn(folder: string, clock: Clock = systemClock): Promise<number | undefined> {
    return SessionFolder.lookIn(folder, clock, async (medium) => {
      const store = await DiskStore.on(medium, { clock, report: () => undefined });
      const waits = ({ state, expiresAt = Infinity }: StoredMessage): boolean =>
        state.step !== 'abandoned' && expiresAt > clock.now();
      return store.load().outgoing.filter(waits).length + store.backlog.length;
    });
  }

  get folder(): string {
    return this.#medium.folder;
  }

  /** Messages that only memory has. */
  get unwritten(): number {
    return this.#unwritten.size;
  }

  /** As {@link DiskStoreOptions.fsync}, from the next batch on. */
  set fsync(fsync: boolean) {
    this.#fsync = fsync;
  }

  load(): StoredSession {
    return this.#mirror.load();
  }

  saveIdentity(identity: SessionIdentity): void {
    this.#mirror.saveIdentity(identity);
    this.#put(identityRow(identity));
  }

  put(message: StoredMessage): void {
    this.#mirror.put(message);
    this.#write(message);
    if (isStepKept(message)) this.#putState(message);
  }

  #write(message: StoredMessage): void {
    const { sequence } = message;
    this.#unwritten.add(sequence);
    if (!this.#isCollecting) return;
    this.#open();
    this.#groups.add(sequence, message);
    this.#bytes += OVERHEAD + sizeOf(message.message);
    this.#needed = true;
  }

  /** What waits on disk alone is read by itself. */
  #writeAlone(message: StoredMessage): void {
    this.#unwritten.add(message.sequence);
    this.#put(messageRow(message, this.#wall));
  }

  advance(message: StoredMessage): void {
    this.#mirror.advance(message);
    if (message.message.qos === 2) this.#putState(message);
  }

  remove(sequence: number): void {
    this.#mirror.remove(sequence);
    this.#unwritten.delete(sequence);
    this.backlog.written(sequence);
    this.#removeRecord(sequence);
    if (this.#stepped.delete(sequence)) this.#delete(stateKey(sequence));
  }

  #removeRecord(sequence: number): void {
    const where = this.#groups.remove(sequence);
    if (where === 'alone') this.#delete(messageKey(sequence));
    else if (where === 'grouped' && this.#isCollecting) this.#open();
  }

  saveReceived(received: StoredReceived): void {
    this.#mirror.saveReceived(received);
    this.#put(receivedRow(received));
  }

  removeReceived(packetId: PacketId): void {
    this.#mirror.removeReceived(packetId);
    this.#delete(receivedKey(packetId));
    if (this.#isCollecting) this.#needed = true;
  }

  saveSubscription(subscription: StoredSubscription): void {
    this.#mirror.saveSubscription(subscription);
    this.#put(subscriptionRow(subscription));
  }

  removeSubscription(filter: TopicFilter): void {
    this.#mirror.removeSubscription(filter);
    this.#delete(filterKey(filter));
  }

  wishesOf(ref?: string): readonly StoredWish[] {
    return this.#mirror.wishesOf(ref);
  }

  saveWish(wish: StoredWish): void {
    this.#mirror.saveWish(wish);
    this.#put(wishRow(wish));
  }

  removeWish(ref: string, filter?: TopicFilter): void {
    const over = this.#mirror.removeWish(ref, filter);
    for (const wish of over) this.#delete(wishKey(wish));
    if (this.#isCollecting && over.length > 0) this.#needed = true;
  }

  get isDurable(): boolean {
    return !this.#needed && this.#written === undefined;
  }

  commit(durable: Durable): void {
    if (this.#needed) {
      this.#waiting.push(durable);
      this.#begin();
    } else if (this.#written !== undefined) this.#written.push(durable);
    else durable(this.#phase === 'writing');
  }

  /** Resolves when all that was written is on disk, as far as it can be. */
  async flush(): Promise<void> {
    this.#begin();
    while (this.#writing !== undefined) await this.#writing;
  }

  /** The process ends, and has no other turn: the next one need not look whether the database is whole. */
  leaveAtExit(): void {
    if (this.#writing === undefined && this.#batch === undefined) this.#medium.leaveAtOnce();
  }

  /** Writes what is left, and lets go of the folder. */
  async close(): Promise<void> {
    await this.flush();
    await this.#end();
  }

  /** As {@link MemoryStore.discard}; the disk keeps nothing of it either, when {@link forget} is through. */
  discard(error: Error, failing: Failing = atOnce): number {
    const { length } = this.backlog;
    const waiters = this.backlog.discard();
    try {
      return this.#mirror.discard(error, failing) + length;
    } finally {
      tellAll(waiters, error, failing);
    }
  }

  /** Lets go of the folder, and removes what it made there. */
  async forget(): Promise<void> {
    await this.#writing;
    await this.#end();
    await this.#medium.remove();
  }

  async #end(): Promise<void> {
    this.#phase = 'closed';
    this.#retry?.cancel();
    this.#reader.close();
    await this.#batch?.close();
    this.#batch = undefined;
    // As long as nobody else can have it: the mark of the next one is not to be taken.
    await this.#medium.leave();
    await this.#medium.database.close();
  }

  get #isCollecting(): boolean {
    return this.#phase === 'writing' || this.#phase === 'rewriting';
  }

  #put(row: Row): void {
    if (!this.#isCollecting) return;
    this.#open().put(...row);
    this.#bytes += bytesOf(row);
    this.#needed = true;
  }

  #putState(message: StoredMessage): void {
    this.#stepped.add(message.sequence);
    this.#put(stateRow(message));
  }

  #delete(key: string): void {
    if (this.#isCollecting) this.#open().del(key);
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
    const messages = [...this.#unwritten];
    const bytes = this.#bytes;
    this.#groups.write(batch, this.#wall);
    this.#written = this.#needed ? this.#waiting : undefined;
    this.#batch = undefined;
    this.#bytes = 0;
    this.#needed = false;
    this.#waiting = [];
    this.#writing = this.#inTime(batch.write({ sync: this.#fsync }), longestFor(bytes)).then(
      () => this.#wrote(messages),
      (error: unknown) => this.#failsBehind(this.#medium.distrust(), error),
    );
  }

  /** What may not wait for the disk any more leaves behind `work`, or when that takes too long too. */
  async #failsBehind(work: Promise<void>, error: unknown): Promise<void> {
    await this.#inTime(work, LONGEST_MARK).catch(() => undefined);
    this.#fails(error);
  }

  #wrote(messages: readonly number[]): void {
    this.#areWritten(messages);
    this.#succeeds();
  }

  #areWritten(messages: readonly number[]): void {
    for (const sequence of messages) {
      this.#unwritten.delete(sequence);
      this.backlog.written(sequence);
    }
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
    this.#groups.clear();
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
      (messages) => this.#isBack(messages),
      (error: unknown) => this.#fails(error),
    );
  }

  #isBack(messages: readonly number[]): void {
    this.#phase = 'writing';
    this.#areWritten(messages);
    this.#report(new MqttError('store-failed', `the session is on disk again, in ${this.#medium.folder}`));
    this.#succeeds();
  }

  /** @returns the messages that are on disk by that, and were not before. */
  async #rewrite(): Promise<readonly number[]> {
    const stale = await this.#inTime(this.#reopen(), longestFor(this.#size));
    this.#mustBeFailed();
    // From here on what comes is collected behind this batch.
    this.#phase = 'rewriting';
    const messages = [...this.#unwritten];
    const rows = rowsOf({ ...this.#mirror.load(), outgoing: this.#inMemory() }, this.#wall);
    const all = this.#medium.database.batch();
    // One batch: it is written as a whole, or nothing of it.
    for (const key of stale) if (!isAside(key) && !this.#isOnlyThere(key)) all.del(key);
    for (const row of rows) all.put(...row);
    const bytes = rows.reduce((sum, row) => sum + bytesOf(row), 0);
    await this.#inTime(all.write({ sync: this.#fsync }), longestFor(bytes));
    // Without it ids are not known to the next process: messages come twice then, and none is lost.
    await this.#inTime(this.#medium.trust(), LONGEST_MARK).catch(() => undefined);
    return messages;
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

  /** Whether the record is that of a message that memory does not have. */
  #isOnlyThere(key: string): boolean {
    const sequence = sequenceIn(key);
    return sequence !== undefined && this.backlog.has(sequence) && !this.#unwritten.has(sequence);
  }

  /** Bytes of all records that memory has, about. */
  get #size(): number {
    return this.#inMemory().reduce((sum, { message }) => sum + OVERHEAD + message.payload.length, 0);
  }

  #inMemory(): StoredMessage[] {
    return [...this.#mirror.load().outgoing, ...this.backlog.unwritten];
  }

  get #wall(): number {
    return wallOf(this.#clock);
  }

  /** Ids of which a process that went on without the disk may have known better are forgotten. */
  async #becomeTrusted(): Promise<void> {
    if (await this.#medium.isTrusted()) return;
    const batch = this.#medium.database.batch();
    for (const { packetId } of this.#mirror.load().received) {
      this.#mirror.removeReceived(packetId);
      batch.del(receivedKey(packetId));
    }
    // On the medium before they are trusted: a power cut must not bring them back.
    await batch.write({ sync: this.#fsync });
    await this.#medium.trust();
  }

  async #read(): Promise<void> {
    const { database } = this.#medium;
    const to = { mirror: this.#mirror, backlog: this.backlog, groups: this.#groups, stepped: this.#stepped };
    const reading = new SessionReading(database, to, this.#wall);
    await reading.read();
    const batch = database.batch();
    const unreadable = reading.tidy(batch);
    await batch.write({ sync: this.#fsync });
    if (unreadable > 0) this.#tellSetAside(unreadable);
  }

  async #found(sequences: readonly number[]): Promise<FoundMessages> {
    if (sequences.length === 0) return [];
    const records = await this.#medium.database.getMany(sequences.map(messageKey));
    const unreadable: Row[] = [];
    const messages = sequences.map((sequence, index) => {
      const record = records[index];
      if (record === undefined) return undefined;
      try {
        return messageOf(sequence, record, this.#wall);
      } catch {
        unreadable.push([messageKey(sequence), record]);
        return undefined;
      }
    });
    if (unreadable.length > 0) await this.#setAside(unreadable);
    return messages;
  }

  /**
   * All that waits on disk alone comes into memory: for a session that goes on elsewhere. Nobody may use it meanwhile.
   * @returns whether that is all: not where the disk does not answer in time; then the rest waits here.
   */
  async bringBack(): Promise<boolean> {
    while (this.backlog.length > 0) if (!(await this.#bringSome())) return false;
    return true;
  }

  #bringSome(): Promise<boolean> {
    const { promise, resolve } = deferred<boolean>();
    let isLate = false;
    const late = this.#clock.timer(LONGEST_READ, () => {
      isLate = true;
      resolve(false);
    });
    this.backlog.next((rows, messages) => {
      late.cancel();
      if (!isLate) resolve(messages !== undefined && this.#bring(rows, messages));
    });
    return promise;
  }

  #bring(rows: readonly BacklogRow[], messages: FoundMessages): true {
    for (const [index, row] of rows.entries()) {
      if (!this.backlog.take(row)) continue;
      const message = messages[index];
      const settle = this.backlog.takeWaiter(row.sequence)?.settle;
      if (message === undefined) settle?.(unreadable(), 0);
      else this.#mirror.put({ ...message, settle });
    }
    return true;
  }

  /** Never deleted: somebody may be able to read them. */
  async #setAside(records: readonly Row[]): Promise<void> {
    const batch = this.#medium.database.batch();
    putAside(records, batch);
    await batch.write({ sync: this.#fsync });
    this.#tellSetAside(records.length);
  }

  #tellSetAside(count: number): void {
    const which = count === 1 ? '1 record' : `${count} records`;
    const text = `${which} of the session in ${this.#medium.folder} cannot be read, and stay there as "unreadable/..."`;
    this.#report(new MqttError('store-failed', text));
  }
}

/** Milliseconds that a write of so many bytes may take. */
function longestFor(bytes: number): number {
  return LONGEST_WRITE + Math.floor(bytes / MEGABYTE) * LONGEST_MEGABYTE;
}

function bytesOf([key, value]: Row): number {
  return key.length + value.length;
}
