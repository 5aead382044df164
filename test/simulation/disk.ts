import { MemoryStore, type SessionStore } from '../../src/index.ts';
import type { Random } from '../../src/util/clock.ts';
import { wholeNumber } from '../support/random.ts';
import { IO, type VirtualTime } from './virtual-time.ts';

type Written = (store: MemoryStore) => void;

/** What has been written to a disk, in order, and how much of it outlives the process that wrote it. */
export class Disk {
  readonly #time: VirtualTime;
  readonly #random: Random;
  /** Milliseconds that a write takes at most. */
  readonly #slowest: number;
  readonly #log: Written[];
  #durable: number;
  #writing = false;
  #dead = false;
  /** Who waits until so much of the log is durable. */
  #waiting: { readonly upTo: number; readonly durable: () => void }[] = [];
  /** How much of the log somebody may wait for: what is only removed nobody does. */
  #needed = 0;

  constructor(time: VirtualTime, random: Random, slowest: number, log: readonly Written[] = []) {
    this.#time = time;
    this.#random = random;
    this.#slowest = slowest;
    this.#log = [...log];
    this.#durable = log.length;
  }

  /** The process is killed: what was not durable is lost, or some of it, as the system had written it. */
  kill(): Disk {
    this.#dead = true;
    const left = wholeNumber(this.#random, this.#durable, this.#log.length);
    return new Disk(this.#time, this.#random, this.#slowest, this.#log.slice(0, left));
  }

  get writing(): boolean {
    return this.#writing;
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
    this.#begin();
  }

  commit(durable: () => void): void {
    if (this.isDurable) return durable();
    this.#waiting.push({ upTo: this.#needed, durable });
    this.#begin();
  }

  #begin(): void {
    if (this.#writing || this.#dead) return;
    this.#writing = true;
    const upTo = this.#log.length;
    this.#time.at(wholeNumber(this.#random, 0, this.#slowest), IO, () => this.#wrote(upTo));
  }

  #wrote(upTo: number): void {
    if (this.#dead) return;
    this.#writing = false;
    this.#durable = upTo;
    const ready = this.#waiting.filter((one) => one.upTo <= upTo);
    this.#waiting = this.#waiting.filter((one) => one.upTo > upTo);
    if (this.#log.length > upTo) this.#begin();
    for (const { durable } of ready) durable();
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

  commit(durable: () => void): void {
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
    const { sequence, message: content, expiresAt, state } = message;
    this.#disk.write((store) => store.put({ sequence, message: content, expiresAt, state }), true);
  }

  advance(message: Parameters<SessionStore['advance']>[0]): void {
    this.mirror.advance(message);
    const { sequence, state } = message;
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
    this.#do((store) => store.removeReceived(...args), false);
  }

  saveSubscription(...args: Parameters<SessionStore['saveSubscription']>): void {
    this.#do((store) => store.saveSubscription(...args), false);
  }

  removeSubscription(...args: Parameters<SessionStore['removeSubscription']>): void {
    this.#do((store) => store.removeSubscription(...args), false);
  }

  #do(written: Written, needed: boolean): void {
    written(this.mirror);
    this.#disk.write(written, needed);
  }
}
