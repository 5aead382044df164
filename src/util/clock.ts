import { deferred } from './deferred.ts';

/** A running timer; cancelling it twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Time as an argument, so that a test drives it by hand. All durations are in milliseconds. */
export interface Clock {
  /** Milliseconds since some fixed point; never goes backwards. */
  now(): number;
  /** Milliseconds since the epoch, as a person's clock shows them: it may jump either way. */
  wall(): number;
  /** Calls `fire` once after `delay`, unless cancelled. */
  timer(delay: number, fire: () => void): Timer;
  /** Calls `run` after the sockets that are readable now have been read. */
  afterIo(run: () => void): void;
}

/** Longest delay that Node's timers keep; beyond it they fire at once. */
const LONGEST_TIMER = 0x7fffffff;

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  timer(delay, fire) {
    const handle = setTimeout(fire, Math.min(delay, LONGEST_TIMER));
    return { cancel: () => clearTimeout(handle) };
  },
  afterIo: (run) => void setImmediate(run),
};

/** A number from 0 to below 1: chance as an argument, so that a seed replays it. */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();

/** Resolves after `delay` milliseconds, or at once when `signal` is or becomes aborted; never rejects. */
export function sleep(clock: Clock, delay: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = deferred<void>();
  const timer = clock.timer(delay, finish);
  signal.addEventListener('abort', finish, { once: true });
  return promise;

  function finish(): void {
    timer.cancel();
    signal.removeEventListener('abort', finish);
    resolve();
  }
}
