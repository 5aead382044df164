import type { Clock, Timer } from '../../src/util/clock.ts';
import type { Judge } from './judge.ts';

/** Turns of the microtask queue after each event: more than the longest chain of promises in the client. */
const MICROTASKS = 12;
const SETTLED = Promise.resolve();

/** Timers run before the sockets of the same moment are read. */
export type Phase = 0 | 1;
export const TIMERS: Phase = 0;
export const IO: Phase = 1;

interface Event {
  readonly at: number;
  readonly phase: Phase;
  readonly sequence: number;
  run: (() => void) | undefined;
}

/**
 * The event loop of a process in virtual time: timers, then I/O, then what waits for the I/O to be over; nothing takes
 * time but waiting. All durations are in milliseconds.
 */
export class VirtualTime {
  readonly #judge: Judge;
  readonly #events: Event[] = [];
  #afterIo: (() => void)[] = [];
  /** What this half of a turn of the event loop consists of. */
  #running: (() => void)[] = [];
  #sequence = 0;
  #now = 1000;
  /** Counts everything that ran: two things of one moment ran in one call. */
  moment = 0;
  /** Told of each moment, when it is over. */
  passed: (moment: number) => void = () => undefined;
  /** Added to the wall clock. */
  wallShift = 0;

  constructor(judge: Judge) {
    this.#judge = judge;
    judge.now = this.#now;
  }

  get now(): number {
    return this.#now;
  }

  at(delay: number, phase: Phase, run: () => void): Timer {
    const event: Event = { at: this.#now + delay, phase, sequence: this.#sequence++, run };
    push(this.#events, event);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  afterIo(run: () => void): void {
    this.#afterIo.push(run);
  }

  /** At the end of this half of the turn: before what was said to come after the I/O of it. */
  stillInThisTurn(run: () => void): void {
    this.#running.push(run);
  }

  /** One turn of the event loop; false: nothing is left to do. */
  async turn(): Promise<boolean> {
    if (this.#afterIo.length === 0) {
      while (this.#events[0] !== undefined && this.#events[0].run === undefined) pop(this.#events);
      const next = this.#events[0];
      if (next === undefined) return false;
      this.#now = Math.max(this.#now, next.at);
      this.#judge.now = this.#now;
    }
    this.#running = [];
    for (let next = this.#events[0]; next !== undefined && next.at <= this.#now; next = this.#events[0]) {
      const event = next;
      pop(this.#events);
      this.#running.push(() => event.run?.());
    }
    for (const run of this.#running) await this.#call(run);
    this.#running = this.#afterIo;
    this.#afterIo = [];
    for (const run of this.#running) await this.#call(run);
    return true;
  }

  async #call(run: () => void): Promise<void> {
    this.moment += 1;
    try {
      run();
    } catch (error) {
      // An error that nobody catches ends the process.
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#judge.violation('nothing is thrown into the event loop', text);
    }
    for (let turns = 0; turns < MICROTASKS; turns++) await SETTLED;
    this.passed(this.moment);
  }
}

/** The clock of one process: when the process is killed, nothing of it runs any more. */
export class ProcessClock implements Clock {
  readonly #time: VirtualTime;
  #alive = true;
  #armed = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** Timers that neither fired nor were cancelled. */
  get armed(): number {
    return this.#armed;
  }

  get alive(): boolean {
    return this.#alive;
  }

  now(): number {
    return this.#time.now;
  }

  wall(): number {
    return 1_700_000_000_000 + this.#time.now + this.#time.wallShift;
  }

  timer(delay: number, fire: () => void): Timer {
    this.#armed += 1;
    let open = true;
    const close = (): void => {
      if (open) this.#armed -= 1;
      open = false;
    };
    const timer = this.#time.at(delay, TIMERS, () => {
      close();
      if (this.#alive) fire();
    });
    return {
      cancel: () => {
        close();
        timer.cancel();
      },
    };
  }

  afterIo(run: () => void): void {
    this.#time.afterIo(() => {
      if (this.#alive) run();
    });
  }

  kill(): void {
    this.#alive = false;
  }
}

function before(a: Event, b: Event): boolean {
  if (a.at !== b.at) return a.at < b.at;
  return a.phase === b.phase ? a.sequence < b.sequence : a.phase < b.phase;
}

function push(heap: Event[], event: Event): void {
  let at = heap.length;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !before(event, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

/** Removes the first. */
function pop(heap: Event[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    let below = heap[child];
    if (below === undefined) break;
    const right = heap[child + 1];
    if (right !== undefined && before(right, below)) {
      child += 1;
      below = right;
    }
    if (!before(below, last)) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
}
