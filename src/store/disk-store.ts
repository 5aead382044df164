import { MqttError } from '../protocol/errors.ts';
import { type PacketId, payloadBytes } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { deferred } from '../util/deferred.ts';
import { distrust, OtherVersion } from './database.ts';
import type { BacklogRow } from './backlog-rows.ts';
import { Backlog, type FoundMessages, unreadable, type Window } from './backlog.ts';
import { BacklogReader } from './backlog-reader.ts';
import { MemoryStore, tellAll } from './memory-store.ts';
import type { Medium } from './medium.ts';
import { MessageGroups, messageKey } from './message-groups.ts';
import { sizeOf } from './message-size.ts';
import { SessionFolder } from './session-folder.ts';
import { SessionReading } from './session-reading.ts';
import {
  filterKey,
  identityRow,
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
import { WriteBehind } from './write-behind.ts';

export interface DiskStoreOptions {
  /** Whether each batch is on the medium before it counts: it outlives a power cut then, not only the process. Default false. */
  readonly fsync?: boolean;
  readonly clock?: Clock;
  /** What waits in memory too; what is behind it waits on disk alone. Default 10,000 messages, 16 MiB. */
  readonly window?: Window;
  /** Told what a person should know: what could not be read or written. */
  readonly report: (problem: MqttError) => void;
}

/** Milliseconds that the disk may take for some messages of a session that goes on elsewhere. */
const LONGEST_READ = 5_000;

/** Bytes that a record costs besides its payload, about. */
const OVERHEAD = 200;

const DEFAULT_WINDOW: Window = { messages: 10_000, bytes: 16 * 1024 * 1024 };

/**
 * Keeps a session on disk, in a folder of its own: it outlives the process. What is read is in memory too, but for
 * messages that wait behind many others, which are read when their turn comes. What is written goes to the disk behind
 * that, see {@link WriteBehind}: where the disk fails the session goes on in memory.
 */
export class DiskStore implements SessionStore {
  readonly #mirror = new MemoryStore();
  readonly backlog: Backlog;
  readonly #medium: Medium;
  readonly #clock: Clock;
  readonly #report: (problem: MqttError) => void;
  /** Messages that are not on disk yet. */
  readonly #unwritten = new Set<number>();
  /** Those that are in memory, and their records. */
  readonly #groups = new MessageGroups();
  /** Messages whose step has a record of its own. */
  readonly #stepped = new Set<number>();
  readonly #writer: WriteBehind;
  readonly #reader: BacklogReader;

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
    this.#clock = clock;
    this.#report = report;
    this.#writer = new WriteBehind(
      medium,
      { fsync, clock, report },
      {
        complete: (batch) => this.#groups.write(batch, wallOf(clock)),
        dropped: () => this.#groups.clear(),
        leaving: () => this.#leaving(),
        rows: () => rowsOf({ ...this.#mirror.load(), outgoing: this.#inMemory() }, wallOf(clock)),
        size: () => this.#inMemory().reduce((sum, { message }) => sum + OVERHEAD + payloadBytes(message.payload), 0),
        isOnlyOnDisk: (key) => this.#isOnlyOnDisk(key),
      },
    );
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
      const now = clock.now();
      const waits = ({ state, expiresAt = Infinity }: StoredMessage): boolean =>
        state.step !== 'abandoned' && expiresAt > now;
      store.backlog.takeExpired(now);
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
    this.#writer.fsync = fsync;
  }

  load(): StoredSession {
    return this.#mirror.load();
  }

  saveIdentity(identity: SessionIdentity): void {
    this.#mirror.saveIdentity(identity);
    this.#writer.put(identityRow(identity));
  }

  put(message: StoredMessage): void {
    this.#mirror.put(message);
    this.#write(message);
    if (isStepKept(message)) this.#putState(message);
  }

  #write(message: StoredMessage): void {
    const { sequence } = message;
    this.#unwritten.add(sequence);
    if (!this.#writer.isCollecting) return;
    this.#groups.add(sequence, message);
    this.#writer.announce(OVERHEAD + sizeOf(message.message));
  }

  /** What waits on disk alone is read by itself. */
  #writeAlone(message: StoredMessage): void {
    this.#unwritten.add(message.sequence);
    this.#writer.put(messageRow(message, wallOf(this.#clock)));
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
    if (this.#stepped.delete(sequence)) this.#writer.delete(stateKey(sequence));
  }

  #removeRecord(sequence: number): void {
    const where = this.#groups.remove(sequence);
    if (where === 'alone') this.#writer.delete(messageKey(sequence));
    else if (where === 'grouped') this.#writer.announceQuietly();
  }

  saveReceived(received: StoredReceived): void {
    this.#mirror.saveReceived(received);
    this.#writer.put(receivedRow(received));
  }

  removeReceived(packetId: PacketId): void {
    this.#mirror.removeReceived(packetId);
    this.#writer.deleteAwaited(receivedKey(packetId));
  }

  saveSubscription(subscription: StoredSubscription): void {
    this.#mirror.saveSubscription(subscription);
    this.#writer.put(subscriptionRow(subscription));
  }

  removeSubscription(filter: TopicFilter): void {
    this.#mirror.removeSubscription(filter);
    this.#writer.delete(filterKey(filter));
  }

  wishesOf(ref?: string): readonly StoredWish[] {
    return this.#mirror.wishesOf(ref);
  }

  saveWish(wish: StoredWish): void {
    this.#mirror.saveWish(wish);
    this.#writer.put(wishRow(wish));
  }

  removeWish(ref: string, filter?: TopicFilter): void {
    const over = this.#mirror.removeWish(ref, filter);
    for (const wish of over) this.#writer.deleteAwaited(wishKey(wish));
  }

  get isDurable(): boolean {
    return this.#writer.isDurable;
  }

  commit(durable: Durable): void {
    this.#writer.commit(durable);
  }

  /** Resolves when all that was written is on disk, as far as it can be. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** The process ends, and has no other turn: the next one need not look whether the database is whole. */
  leaveAtExit(): void {
    if (this.#writer.isIdle) this.#medium.leaveAtOnce();
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
    await this.#end();
    await this.#medium.remove();
  }

  async #end(): Promise<void> {
    await this.#writer.end();
    this.#reader.close();
    // As long as nobody else can have it: the mark of the next one is not to be taken.
    await this.#medium.leave();
    await this.#medium.database.close();
  }

  #putState(message: StoredMessage): void {
    this.#stepped.add(message.sequence);
    this.#writer.put(stateRow(message));
  }

  /** What memory alone has is about to be written; called when it is. */
  #leaving(): () => void {
    const messages = [...this.#unwritten];
    return () => this.#areWritten(messages);
  }

  #areWritten(messages: readonly number[]): void {
    for (const sequence of messages) {
      this.#unwritten.delete(sequence);
      this.backlog.written(sequence);
    }
  }

  /** Whether the record is that of a message that memory does not have. */
  #isOnlyOnDisk(key: string): boolean {
    const sequence = sequenceIn(key);
    return sequence !== undefined && this.backlog.has(sequence) && !this.#unwritten.has(sequence);
  }

  #inMemory(): StoredMessage[] {
    return [...this.#mirror.load().outgoing, ...this.backlog.unwritten];
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
    await batch.write({ sync: this.#writer.fsync });
    await this.#medium.trust();
  }

  async #read(): Promise<void> {
    const { database } = this.#medium;
    const to = { mirror: this.#mirror, backlog: this.backlog, groups: this.#groups, stepped: this.#stepped };
    const reading = new SessionReading(database, to, wallOf(this.#clock));
    await reading.read();
    const batch = database.batch();
    const unreadable = reading.tidy(batch);
    await batch.write({ sync: this.#writer.fsync });
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
        return messageOf(sequence, record, wallOf(this.#clock));
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
    await batch.write({ sync: this.#writer.fsync });
    this.#tellSetAside(records.length);
  }

  #tellSetAside(count: number): void {
    const which = count === 1 ? '1 record' : `${count} records`;
    const text = `${which} of the session in ${this.#medium.folder} cannot be read, and stay there as "unreadable/..."`;
    this.#report(new MqttError('store-failed', text));
  }
}
