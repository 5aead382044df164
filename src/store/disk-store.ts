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
import {
  decodeFingerprint,
  decodeIdentity,
  decodeMessage,
  decodeState,
  decodeSubscription,
  decodeWish,
  encodeFingerprint,
  encodeIdentity,
  encodeMessage,
  encodeState,
  encodeSubscription,
  encodeWish,
  later,
  UnreadableRecord,
} from './record-codec.ts';
import type { Batch, Database, Medium, Range } from './medium.ts';
import {
  decodeGone,
  decodeGroup,
  digits,
  encodeGone,
  goneKey,
  isGone,
  type Member,
  MessageGroups,
  messageKey,
} from './message-groups.ts';
import { sizeOf } from './message-size.ts';
import { SessionFolder } from './session-folder.ts';
import {
  atOnce,
  type Durable,
  type Failing,
  type OutgoingState,
  type SessionIdentity,
  type SessionStore,
  type StoredMessage,
  type StoredReceived,
  type StoredSession,
  type StoredSubscription,
  type StoredWish,
} from './session-store.ts';

/** What is known while the records are read. */
interface Reading {
  readonly states: Map<number, OutgoingState>;
  /** What is gone of groups, by the first sequence of each. */
  readonly gone: Map<number, number>;
  /** The first sequences of the groups that could be read. */
  readonly groups: Set<number>;
  /** Messages in groups that are not taken yet; by falling sequence, when all groups are read. */
  readonly grouped: Member[];
  /** Messages of groups that are to be on disk alone, and so have their own records. */
  readonly alone: Member[];
  /** The last message that has a step. */
  lastStep: number;
  readonly inMemory: { messages: number; bytes: number };
  readonly unreadable: Row[];
}

/** A record, and its key. */
type Row = readonly [key: string, value: Buffer];

export interface DiskStoreOptions {
  /** Whether each batch is on the medium before it counts: it outlives a power cut then, not only the process. Default false. */
  readonly fsync?: boolean;
  readonly clock?: Clock;
  /** What waits in memory too; what is behind it waits on disk alone. Default 10,000 messages, 16 MiB. */
  readonly window?: Window;
  /** Told what a person should know: what could not be read or written. */
  readonly report: (problem: MqttError) => void;
}

/** The layout of the database; another one is set aside. */
const VERSION = Buffer.from('2');
/** One without groups. */
const EARLIER_VERSION = Buffer.from('1');
const VERSION_KEY = 'version';
const IDENTITY_KEY = 'identity';

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

/** Records, and bytes of them, that are read at once. */
const READ_AT_ONCE = 1000;
const READ_BYTES = 1024 * 1024;

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
    await database.put(VERSION_KEY, VERSION);
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
    if (isKept(message)) this.#putState(message);
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
    this.#put(this.#messageRow(message));
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
    const rows = this.#rows();
    const all = this.#medium.database.batch();
    // One batch: it is written as a whole, or nothing of it.
    for (const key of stale) if (!key.startsWith('unreadable/') && !this.#isOnlyThere(key)) all.del(key);
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
    const [room, rest = ''] = key.split('/', 2);
    return room === 'message' && this.backlog.has(Number(rest)) && !this.#unwritten.has(Number(rest));
  }

  /** Bytes of all records that memory has, about. */
  get #size(): number {
    return this.#inMemory().reduce((sum, { message }) => sum + OVERHEAD + message.payload.length, 0);
  }

  #inMemory(): StoredMessage[] {
    return [...this.#mirror.load().outgoing, ...this.backlog.unwritten];
  }

  /** Every record of the session that memory has. */
  #rows(): Row[] {
    const { identity, received, subscriptions, wishes } = this.#mirror.load();
    const outgoing = this.#inMemory();
    return [
      [VERSION_KEY, VERSION],
      ...(identity === undefined ? [] : [identityRow(identity)]),
      ...outgoing.map((message) => this.#messageRow(message)),
      ...outgoing.filter(isKept).map(stateRow),
      ...received.map(receivedRow),
      ...subscriptions.map(subscriptionRow),
      ...wishes.map(wishRow),
    ];
  }

  #messageRow(message: StoredMessage): Row {
    return [messageKey(message.sequence), encodeMessage(later(message, this.#wall))];
  }

  /** To be added to a time of this process: its clock means nothing to the next one. */
  get #wall(): number {
    return this.#clock.wall() - this.#clock.now();
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
    const reading: Reading = {
      states: new Map(),
      gone: new Map(),
      groups: new Set(),
      grouped: [],
      alone: [],
      lastStep: 0,
      inMemory: { messages: 0, bytes: 0 },
      unreadable: [],
    };
    // The steps first: a message with one is in memory, and so is all that was accepted before it.
    await this.#readRange({ gte: 'state/', lt: 'state0' }, reading);
    await this.#readRange({ lt: 'message/' }, reading);
    reading.grouped.sort((a, b) => b.sequence - a.sequence);
    await this.#readRange({ gte: 'message/', lt: 'state/' }, reading);
    await this.#readRange({ gte: 'state0' }, reading);
    this.#takeGrouped(Infinity, reading);
    await this.#tidy(reading);
  }

  /** In one batch: what is set aside is nowhere else, whenever the process ends. */
  async #tidy(reading: Reading): Promise<void> {
    const { alone, unreadable } = reading;
    const batch = this.#medium.database.batch();
    putAside([...unreadable, ...this.#orphans(reading)], batch);
    // What waits on disk alone is in no group.
    for (const { sequence, record } of alone) batch.put(messageKey(sequence), record);
    this.#groups.write(batch, this.#wall);
    await batch.write({ sync: this.#fsync });
    if (unreadable.length > 0) this.#tellSetAside(unreadable.length);
  }

  /** What belongs to a message or a group that is not there: it would be taken for that of a later one of its number. */
  #orphans({ states, gone, groups }: Reading): Row[] {
    const ofMessages = [...states].filter(([sequence]) => !this.#stepped.has(sequence));
    const ofGroups = [...gone].filter(([first]) => !groups.has(first));
    return [
      ...ofMessages.map(([sequence, state]): Row => [stateKey(sequence), Buffer.from(encodeState(state))]),
      ...ofGroups.map(([first, bits]): Row => [goneKey(first), encodeGone(bits)]),
    ];
  }

  async #readRange(range: Range, reading: Reading): Promise<void> {
    const records = this.#medium.database.iterator({ ...range, highWaterMarkBytes: READ_BYTES });
    try {
      // Many at a time: a wait for each would take most of the time.
      for (let some = await records.nextv(READ_AT_ONCE); some.length > 0; some = await records.nextv(READ_AT_ONCE)) {
        reading.unreadable.push(...some.filter(([key, value]) => !this.#isTaken(key, value, reading)));
      }
    } finally {
      await records.close();
    }
  }

  /** Whether the record could be read, and is there now. */
  #isTaken(key: string, value: Buffer, reading: Reading): boolean {
    try {
      this.#take(key, value, reading);
      return true;
    } catch (error) {
      if (!(error instanceof UnreadableRecord)) throw error;
      return false;
    }
  }

  #take(key: string, value: Buffer, reading: Reading): void {
    const slash = key.indexOf('/');
    const rest = key.slice(slash + 1);
    switch (slash < 0 ? key : key.slice(0, slash)) {
      case 'identity':
        return this.#mirror.saveIdentity(decodeIdentity(value.toString()));
      case 'gone':
        return void reading.gone.set(sequenceOf(rest), decodeGone(value));
      case 'group':
        return this.#takeGroup(sequenceOf(rest), value, reading);
      case 'message':
        this.#takeGrouped(sequenceOf(rest), reading);
        this.#passOver(sequenceOf(rest), reading);
        return this.#takeMessage(this.#messageOf(sequenceOf(rest), value), reading);
      case 'state': {
        const sequence = sequenceOf(rest);
        reading.states.set(sequence, decodeState(value.toString()));
        reading.lastStep = Math.max(reading.lastStep, sequence);
        return;
      }
      case 'received':
        return this.#mirror.saveReceived({
          packetId: numberOf(rest, 0xffff) as PacketId,
          fingerprint: decodeFingerprint(value),
        });
      case 'filter':
        return this.#mirror.saveSubscription(decodeSubscription(rest, value.toString()));
      case 'wish':
        return this.#takeWish(key, decodeWish(value.toString()));
    }
  }

  #messageOf(sequence: number, record: Buffer): StoredMessage {
    return { sequence, ...later(decodeMessage(record), -this.#wall), state: { step: 'queued' } };
  }

  /** Its messages are taken when it is their turn among those that have records of their own. */
  #takeGroup(first: number, value: Buffer, reading: Reading): void {
    const members = decodeGroup(first, value);
    const gone = reading.gone.get(first) ?? 0;
    reading.groups.add(first);
    this.#groups.found(
      members.map(({ sequence }) => sequence),
      gone,
    );
    reading.grouped.push(...members.filter((_, index) => !isGone(gone, index)));
  }

  /** Takes those before this sequence. */
  #takeGrouped(before: number, reading: Reading): void {
    const { grouped, unreadable, alone } = reading;
    for (let next = grouped.at(-1); next !== undefined && next.sequence < before; next = grouped.at(-1)) {
      grouped.pop();
      const { sequence, record } = next;
      const isTaken = this.#isTaken(messageKey(sequence), record, reading);
      if (!isTaken) unreadable.push([messageKey(sequence), record]);
      if (!isTaken || this.backlog.has(sequence)) this.#groups.remove(sequence);
      if (isTaken && this.backlog.has(sequence)) alone.push(next);
    }
  }

  /** A message that has a record of its own is not in a group. */
  #passOver(sequence: number, { grouped }: Reading): void {
    if (grouped.at(-1)?.sequence !== sequence) return;
    grouped.pop();
    this.#groups.remove(sequence);
  }

  #takeWish(key: string, wish: StoredWish): void {
    // Under another key it would be there for ever: nobody could replace or remove it.
    if (key !== wishKey(wish)) throw new UnreadableRecord('a wish that is not where it belongs');
    this.#mirror.saveWish(wish);
  }

  #takeMessage(message: StoredMessage, { states, lastStep, inMemory }: Reading): void {
    const { sequence } = message;
    const { window } = this.backlog;
    const isFull = inMemory.messages >= window.messages || inMemory.bytes >= window.bytes;
    if (isFull && sequence > lastStep) return this.backlog.found(message);
    inMemory.messages += 1;
    inMemory.bytes += sizeOf(message.message);
    const state = states.get(sequence);
    if (state !== undefined) this.#stepped.add(sequence);
    this.#mirror.put(state === undefined ? message : { ...message, state });
  }

  async #found(sequences: readonly number[]): Promise<FoundMessages> {
    if (sequences.length === 0) return [];
    const records = await this.#medium.database.getMany(sequences.map(messageKey));
    const unreadable: Row[] = [];
    const messages = sequences.map((sequence, index) => {
      const record = records[index];
      if (record === undefined) return undefined;
      try {
        return this.#messageOf(sequence, record);
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

function putAside(records: readonly Row[], batch: Batch): void {
  for (const [key, value] of records) {
    batch.del(key);
    batch.put(`unreadable/${key}`, value);
  }
}

/** Milliseconds that a write of so many bytes may take. */
function longestFor(bytes: number): number {
  return LONGEST_WRITE + Math.floor(bytes / MEGABYTE) * LONGEST_MEGABYTE;
}

function bytesOf([key, value]: Row): number {
  return key.length + value.length;
}

function stateKey(sequence: number): string {
  return `state/${digits(sequence)}`;
}

function receivedKey(packetId: PacketId): string {
  return `received/${packetId}`;
}

function filterKey(filter: string): string {
  return `filter/${filter}`;
}

function identityRow(identity: SessionIdentity): Row {
  return [IDENTITY_KEY, Buffer.from(encodeIdentity(identity))];
}

function stateRow({ sequence, state }: StoredMessage): Row {
  return [stateKey(sequence), Buffer.from(encodeState(state))];
}

function receivedRow({ packetId, fingerprint }: StoredReceived): Row {
  return [receivedKey(packetId), encodeFingerprint(fingerprint)];
}

function subscriptionRow(subscription: StoredSubscription): Row {
  return [filterKey(subscription.filter), Buffer.from(encodeSubscription(subscription))];
}

function wishKey({ ref, filter }: Pick<StoredWish, 'ref' | 'filter'>): string {
  // A reference is any text: how long it is tells where the filter begins.
  return `wish/${ref.length}/${ref}/${filter}`;
}

function wishRow(wish: StoredWish): Row {
  return [wishKey(wish), Buffer.from(encodeWish(wish))];
}

/** At QoS 1 the packet id need not outlive the process: sent anew it is sent once more, as it is with its id. */
function isKept({ message, state }: StoredMessage): boolean {
  return message.qos === 2 && state.step !== 'queued';
}

function sequenceOf(text: string): number {
  return numberOf(text, Number.MAX_SAFE_INTEGER);
}

function numberOf(text: string, highest: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > highest)
    throw new UnreadableRecord(`the number ${text.slice(0, 40)}`);
  return number;
}

async function isOurs(database: Database): Promise<boolean> {
  const version = await database.get(VERSION_KEY);
  if (version !== undefined) return version.equals(VERSION) || version.equals(EARLIER_VERSION);
  const [first] = await database.keys({ limit: 1 }).all();
  return first === undefined;
}
