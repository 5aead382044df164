import type { Clock } from '../../src/util/clock.ts';
import { systemClock } from '../../src/util/clock.ts';

/** The system's clock, so many times faster: a test over real sockets need not wait for what is measured in seconds. */
export function fastClock(times: number): Clock {
  return {
    ...systemClock,
    now: () => systemClock.now() * times,
    timer: (delay, fire) => systemClock.timer(delay / times, fire),
  };
}
