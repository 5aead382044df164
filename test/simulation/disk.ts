import { MemoryStore, type SessionStore } from '../../src/index.ts';
import type { Durable } from '../../src/store/session-store.ts';
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

  constructor(time: VirtualTime, random: Random, slowest: number, log: readonly Written[] = []) {
    this.#time = time;
    this.#random = random;
    this.#slowest = slowest;
    this.#log = [...log];
    this.#durable = log.length;
  }

  /** The process is killed: what was not durable is lost, but the batch that was being written may have been. */
  kill(): Disk {
    this.#dead = true;
    const isWritten = this.#writing !== undefined && this.#random() < 0.5;
    const left = isWritten ? this.#writing : this.#durable;
    return new Disk(this.#time, this.#random, this.#slowest, this.#log.slice(0, left));
  }

  get writing(): boolean {
    return this.#writing !== undefined;
  }

  /** What is on it, for a new process. */
  open(): SessionStore {
    const store = new DiskStore(this);
    for (const written of this.#log) written(store.mirror);
    return store;
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
    const ready = this.#waiting.filter((one) => one.upTo <= upTo);
    this.#waiting = this.#waiting.filter((one) => one.upTo > upTo);
    this.#begin();
    for (const { durable } of ready) durable(true);
  }
}

/** A store as a client sees it, on a disk. */
class DiskStore implements SessionStore {
  readonly mirror = new MemoryStore();
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  get isDurable(): boolean {
    return this.#disk.isDurable;
  }

  commit(durable: Durable): void {
    this.#disk.commit(durable);
  }

  load(): ReturnType<SessionStore['load']> {
    return this.mirror.load();
  }

  saveIdentity(...args: Parameters<SessionStore['saveIdentity']>): void {
    this.#do((store) => store.saveIdentity(...args), true);
  }

  put(message: Parameters<SessionStore['put']>[0]): void {
    this.mirror.put(message);
    const { sequence, message: content, acceptedAt, expiresAt } = message;
    const state = content.qos === 2 ? message.state : QUEUED;
    this.#disk.write((store) => store.put({ sequence, message: content, acceptedAt, expiresAt, state }), true);
  }

  advance(message: Parameters<SessionStore['advance']>[0]): void {
    this.mirror.advance(message);
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
    written(this.mirror);
    this.#disk.write(written, needed);
  }
}
