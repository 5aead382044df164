import assert from 'node:assert/strict';
import { Backoff } from '../../../src/client/backoff.ts';
import { randomFrom } from '../../support/random.ts';

const OPTIONS = { initial: 1000, maximum: 30_000, stableAfter: 10_000 };

/** The next `count` delays. */
function delays(backoff: Backoff, count: number, retryable = true): number[] {
  return Array.from({ length: count }, () => backoff.next(retryable));
}

describe('Backoff', () => {
  it('doubles its bound up to the maximum', () => {
    const backoff = new Backoff(OPTIONS, () => 1);
    assert.deepEqual(delays(backoff, 8), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('spreads over the whole range from 0: full jitter', () => {
    assert.deepEqual(delays(new Backoff(OPTIONS, () => 0), 3), [0, 0, 0]);
    const random = randomFrom(3);
    const all = Array.from({ length: 200 }, () => new Backoff(OPTIONS, random).next(true));
    assert.ok(all.some((delay) => delay < 250) && all.some((delay) => delay > 750));
  });

  it('never goes beyond its maximum, and stays finite after any number of failures', () => {
    const all = delays(new Backoff(OPTIONS, () => 1), 5000);
    assert.ok(all.every((delay) => delay <= 30_000));
  });

  it('waits between half the maximum and all of it when only a person can help', () => {
    assert.deepEqual(delays(new Backoff(OPTIONS, () => 0), 2, false), [15_000, 15_000]);
    assert.deepEqual(delays(new Backoff(OPTIONS, () => 1), 2, false), [30_000, 30_000]);
  });

  it('begins anew after a connection that held', () => {
    const backoff = new Backoff(OPTIONS, () => 1);
    delays(backoff, 5);
    assert.equal(backoff.held(10_000), true);
    assert.equal(backoff.next(true), 1000);
  });

  it('does not begin anew after a connection that was lost at once', () => {
    const backoff = new Backoff(OPTIONS, () => 1);
    delays(backoff, 3);
    assert.equal(backoff.held(9999), false);
    assert.equal(backoff.next(true), 8000);
  });

  it('keeps to a maximum below its first delay', () => {
    assert.deepEqual(delays(new Backoff({ ...OPTIONS, maximum: 100 }, () => 1), 2), [100, 100]);
  });
});
