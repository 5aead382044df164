import type { Clock, Timer } from '../../src/util/clock.ts';

interface Pending {
  readonly at: number;
  readonly fire: () => void;
}

/** Time that moves only when a test says so. All durations are in milliseconds. */
export class FakeClock implements Clock {
  #now: number;
  readonly #timers = new Set<Pending>();
  #afterIo: (() => void)[] = [];

  constructor(now = 1000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** The epoch of this clock; a test may make it jump. */
  epoch = 1_700_000_000_000;

  wall(): number {
    return this.epoch + this.#now;
  }

  timer(delay: number, fire: () => void): Timer {
    const pending = { at: this.#now + delay, fire };
    this.#timers.add(pending);
    return { cancel: () => void this.#timers.delete(pending) };
  }

  afterIo(run: () => void): void {
    this.#afterIo.push(run);
  }

  /** Timers that neither fired nor were cancelled. */
  get armed(): number {
    return this.#timers.size;
  }

  /** The moment of the next timer; undefined: none is armed. */
  get next(): number | undefined {
    return this.#due(Infinity)?.at;
  }

  /** Whether nothing waits for the sockets to be read. */
  get quiet(): boolean {
    return this.#afterIo.length === 0;
  }

  /** Lets time pass on an idle event loop: every timer fires at its moment, and I/O is always up to date. */
  advance(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (let next = this.#due(until); next !== undefined; next = this.#due(until)) {
      this.#now = Math.max(this.#now, next.at);
      this.#fire(next);
      this.io();
    }
    this.#now = until;
    this.io();
  }

  /** The event loop stands still for a while; then the timers that are due fire, and only then `arrived` is read. */
  stall(milliseconds: number, arrived: () => void): void {
    this.#now += milliseconds;
    for (let next = this.#due(this.#now); next !== undefined; next = this.#due(this.#now)) this.#fire(next);
    arrived();
    this.io();
  }

  /** Runs what waits for the sockets to be read. */
  io(): void {
    const waiting = this.#afterIo;
    this.#afterIo = [];
    for (const run of waiting) run();
  }

  #fire(pending: Pending): void {
    this.#timers.delete(pending);
    pending.fire();
  }

  #due(until: number): Pending | undefined {
    let earliest: Pending | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= until && (earliest === undefined || timer.at < earliest.at)) earliest = timer;
    }
    return earliest;
  }
}
