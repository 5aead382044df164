import assert from 'node:assert/strict';
import { sleep, systemClock } from '../../../src/util/clock.ts';
import { deferred } from '../../../src/util/deferred.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Whether `promise` is settled once all jobs that are due have run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  await Promise.resolve();
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe('sleep', () => {
  it('resolves after its delay, not before', async () => {
    const clock = new FakeClock();
    const slept = sleep(clock, 100, new AbortController().signal);
    clock.advance(99);
    assert.equal(await isSettled(slept), false);
    clock.advance(1);
    assert.equal(await isSettled(slept), true);
  });

  it('resolves at once when its signal is aborted, and leaves no timer', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const slept = sleep(clock, 100, stop.signal);
    stop.abort();
    await slept;
    assert.equal(clock.armed, 0);
  });

  it('does not begin when its signal was aborted before', async () => {
    const clock = new FakeClock();
    await sleep(clock, 100, AbortSignal.abort());
    assert.equal(clock.armed, 0);
  });

  it('leaves no listener on its signal', async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    const slept = sleep(clock, 100, signal);
    assert.equal(listeners, 1);
    clock.advance(100);
    await slept;
    assert.equal(listeners, 0);
  });
});

describe('systemClock', () => {
  it('fires a timer once, unless it was cancelled', async () => {
    const { promise, resolve } = deferred<void>();
    const fired: string[] = [];
    const cancelled = systemClock.timer(0, () => fired.push('cancelled'));
    const kept = systemClock.timer(1, () => {
      fired.push('kept');
      resolve();
    });
    cancelled.cancel();
    cancelled.cancel();
    await promise;
    kept.cancel();
    assert.deepEqual(fired, ['kept']);
  });

  it('does not fire at once for a delay that Node cannot keep', async () => {
    let fired = false;
    const timer = systemClock.timer(2 ** 40, () => {
      fired = true;
    });
    const { promise, resolve } = deferred<void>();
    systemClock.timer(2, resolve);
    await promise;
    timer.cancel();
    assert.equal(fired, false);
  });

  it('never goes backwards', () => {
    const before = systemClock.now();
    assert.ok(systemClock.now() >= before);
  });

  it('runs after the sockets were read: behind every promise of this turn', async () => {
    const order: string[] = [];
    const { promise, resolve } = deferred<void>();
    systemClock.afterIo(() => {
      order.push('after I/O');
      resolve();
    });
    await Promise.resolve();
    order.push('promise');
    await promise;
    assert.deepEqual(order, ['promise', 'after I/O']);
  });
});

describe('deferred', () => {
  it('settles once, by whichever settler comes first', async () => {
    const resolved = deferred<number>();
    resolved.resolve(1);
    resolved.resolve(2);
    resolved.reject(new Error('late'));
    assert.equal(await resolved.promise, 1);

    const rejected = deferred<number>();
    rejected.reject(new Error('first'));
    rejected.resolve(1);
    await assert.rejects(rejected.promise, /first/);
  });
});
