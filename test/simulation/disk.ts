import { MemoryStore, type SessionStore } from '../../src/index.ts';
import { Backlog, type Read, type Window } from '../../src/store/backlog.ts';
import type { Durable, StoredMessage } from '../../src/store/session-store.ts';
import type { Random } from '../../src/util/clock.ts';
import { wholeNumber } from '../support/random.ts';
import { IO, type VirtualTime } from './virtual-time.ts';

type Written = (store: MemoryStore) => void;

const QUEUED = { step: 'queued' } as const;

/** What has been written to a disk, in order, and how much of it outlives the process that wrote it. */
export class Disk {
  readonly #time: VirtualTime;
  readonly #random: Random;
  /** Milliseconds that a write takes at most. */
  readonly #slowest: number;
  /** What waits in memory too. */
  readonly #window: Window;
  readonly #log: Written[];
  #durable: number;
  /** How much of the log is durable when what is being written is: a batch is written as a whole, or nothing of it. */
  #writing: number | undefined;
  #collecting = false;
  #dead = false;
  /** Who waits until so much of the log is durable. */
  #waiting: { readonly upTo: number; readonly durable: Durable }[] = [];
  /** How much of the log somebody may wait for: what is only removed nobody does. */
  #needed = 0;
  #store: DiskStore | undefined;

  constructor(time: VirtualTime, random: Random, slowest: number, window: Window, log: readonly Written[] = []) {
    this.#time = time;
    this.#random = random;
    this.#slowest = slowest;
    this.#window = window;
    this.#log = [...log];
    this.#durable = log.length;
  }

  /** The process is killed: what was not durable is lost, but the batch that was being written may have been. */
  kill(): Disk {
    this.#dead = true;
    const isWritten = this.#writing !== undefined && this.#random() < 0.5;
    const left = isWritten ? this.#writing : this.#durable;
    return new Disk(this.#time, this.#random, this.#slowest, this.#window, this.#log.slice(0, left));
  }

  get writing(): boolean {
    return this.#writing !== undefined;
  }

  /** What is on it, for a new process. */
  open(): SessionStore {
    const found = new MemoryStore();
    for (const written of this.#log) written(found);
    this.#store = new DiskStore(this, this.#window, found);
    return this.#store;
  }

  /** Messages that are on it. */
  get outgoing(): readonly StoredMessage[] {
    const found = new MemoryStore();
    for (const written of this.#log) written(found);
    return found.load().outgoing;
  }

  /** So much has been written. */
  get end(): number {
    return this.#log.length;
  }

  isWritten(end: number): boolean {
    return end <= this.#durable;
  }

  /** Something is read, which takes its time. */
  whenRead(read: () => void): void {
    this.#time.at(wholeNumber(this.#random, 0, this.#slowest), IO, () => {
      if (!this.#dead) read();
    });
  }

  get isDurable(): boolean {
    return this.#durable >= this.#needed && this.#waiting.length === 0;
  }

  write(written: Written, needed: boolean): void {
    this.#log.push(written);
    if (needed) this.#needed = this.#log.length;
    this.#collect();
  }

  commit(durable: Durable): void {
    if (this.isDurable) return durable(true);
    this.#waiting.push({ upTo: this.#needed, durable });
    this.#begin();
  }

  /** All that is written within a turn is one batch. */
  #collect(): void {
    if (this.#collecting || this.#writing !== undefined) return;
    this.#collecting = true;
    this.#time.afterIo(() => {
      this.#collecting = false;
      this.#begin();
    });
  }

  #begin(): void {
    const upTo = this.#log.length;
    if (this.#writing !== undefined || this.#dead || upTo === this.#durable) return;
    this.#writing = upTo;
    this.#time.at(wholeNumber(this.#random, 0, this.#slowest), IO, () => this.#wrote(upTo));
  }

  #wrote(upTo: number): void {
    if (this.#dead) return;
    this.#writing = undefined;
    this.#durable = upTo;
    this.#store?.wrote();
    const ready = this.#waiting.filter((one) => one.upTo <= upTo);
    this.#waiting = this.#waiting.filter((one) => one.upTo > upTo);
    this.#begin();
    for (const { durable } of ready) durable(true);
  }
}

/** A store as a client sees it, on a disk. */
class DiskStore implements SessionStore {
  readonly backlog: Backlog;
  readonly #mirror = new MemoryStore();
  readonly #disk: Disk;
  /** Messages with a record, and how far the log has to be written for it to be on disk. */
  readonly #records = new Map<number, { readonly message: StoredMessage; readonly end: number }>();
  /** Of these it is not known yet that they are. */
  readonly #unwritten = new Set<number>();

  constructor(disk: Disk, window: Window, found: MemoryStore) {
    this.#disk = disk;
    this.backlog = new Backlog(window, {
      write: (message) => this.#write(message),
      read: (sequences, read) => this.#read(sequences, read),
      took: (message) => this.#mirror.put(message),
    });
    this.#take(found);
  }

  /** As a process finds it: what is behind the window, and behind all that was sent, is on disk alone. */
  #take(found: MemoryStore): void {
    const { identity, outgoing, received, subscriptions } = found.load();
    const lastStep = outgoing.findLast(({ state }) => state.step !== 'queued')?.sequence ?? 0;
    for (const [index, message] of outgoing.entries()) {
      this.#records.set(message.sequence, { message, end: 0 });
      if (index >= this.backlog.window.messages && message.sequence > lastStep) this.backlog.found(message);
      else this.#mirror.put(message);
    }
    if (identity !== undefined) this.#mirror.saveIdentity(identity);
    for (const each of received) this.#mirror.saveReceived(each);
    for (const each of subscriptions) this.#mirror.saveSubscription(each);
  }

  /** Before anybody else is told. */
  wrote(): void {
    for (const sequence of this.#unwritten) {
      const record = this.#records.get(sequence);
      if (record !== undefined && !this.#disk.isWritten(record.end)) continue;
      this.#unwritten.delete(sequence);
      this.backlog.written(sequence);
    }
  }

  #read(sequences: readonly number[], read: Read): void {
    this.#disk.whenRead(() => {
      const records = sequences.map((sequence) => this.#records.get(sequence));
      read(records.map((one) => (one !== undefined && this.#disk.isWritten(one.end) ? one.message : undefined)));
    });
  }

  get isDurable(): boolean {
    return this.#disk.isDurable;
  }

  commit(durable: Durable): void {
    this.#disk.commit(durable);
  }

  load(): ReturnType<SessionStore['load']> {
    return this.#mirror.load();
  }

  saveIdentity(...args: Parameters<SessionStore['saveIdentity']>): void {
    this.#do((store) => store.saveIdentity(...args), true);
  }

  put(message: Parameters<SessionStore['put']>[0]): void {
    this.#mirror.put(message);
    this.#write(message);
  }

  #write(message: StoredMessage): void {
    const { sequence, message: content, acceptedAt, expiresAt } = message;
    const state = content.qos === 2 ? message.state : QUEUED;
    const record = { sequence, message: content, acceptedAt, expiresAt, state };
    this.#disk.write((store) => store.put(record), true);
    this.#records.set(sequence, { message: record, end: this.#disk.end });
    this.#unwritten.add(sequence);
  }

  advance(message: Parameters<SessionStore['advance']>[0]): void {
    this.#mirror.advance(message);
    const { sequence, state } = message;
    // At QoS 1 the step is not kept.
    if (message.message.qos !== 2) return;
    this.#disk.write((store) => {
      const before = store.load().outgoing.find((one) => one.sequence === sequence);
      if (before !== undefined) store.put({ ...before, state });
    }, true);
  }

  remove(sequence: number): void {
    this.#do((store) => store.remove(sequence), false);
    this.#records.delete(sequence);
    this.#unwritten.delete(sequence);
    this.backlog.written(sequence);
  }

  saveReceived(...args: Parameters<SessionStore['saveReceived']>): void {
    this.#do((store) => store.saveReceived(...args), true);
  }

  removeReceived(...args: Parameters<SessionStore['removeReceived']>): void {
    this.#do((store) => store.removeReceived(...args), true);
  }

  saveSubscription(...args: Parameters<SessionStore['saveSubscription']>): void {
    this.#do((store) => store.saveSubscription(...args), true);
  }

  removeSubscription(...args: Parameters<SessionStore['removeSubscription']>): void {
    this.#do((store) => store.removeSubscription(...args), false);
  }

  #do(written: Written, needed: boolean): void {
    written(this.#mirror);
    this.#disk.write(written, needed);
  }
}
