import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** How long a test waits for something before the wait itself is the failure, in milliseconds. */
export const PATIENCE_MS = 5000;

/**
 * Waits for a promise, but not for ever.
 *
 * @param what names the awaited thing in the error, or makes its name when the time is over.
 * @param timeoutMs milliseconds, by default {@link PATIENCE_MS}.
 * @throws Error where the time is over first; what the promise itself rejects with otherwise.
 */
export async function within<T>(
  promise: Promise<T>,
  what: string | (() => string),
  timeoutMs: number = PATIENCE_MS,
): Promise<T> {
  const giveUp = new AbortController();
  const deadline = sleep(timeoutMs, undefined, { signal: giveUp.signal }).then(() => {
    throw new Error(`${typeof what === 'string' ? what : what()} within ${timeoutMs} ms`);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    giveUp.abort();
    deadline.catch(() => {}); // the abort rejects it, and nobody waits for it any more
  }
}

/**
 * Lets everything that is already on its way inside this process arrive: bytes written to a loopback socket are read
 * within a few turns of the event loop. It proves nothing about another process.
 *
 * @param turns turns of the event loop, by default 25, followed by one pause of 10 ms for what the kernel still holds.
 */
export async function settle(turns: number = 25): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    await nextTurn();
  }
  await sleep(10);
}

/**
 * Waits until a condition holds, asking once per turn of the event loop. For conditions that announce themselves by no
 * event; where there is one, await the event.
 *
 * @throws Error naming `what` where it does not hold in time.
 */
export async function until(condition: () => boolean, what: string, timeoutMs: number = PATIENCE_MS): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) {
      throw new Error(`${what}: not so within ${timeoutMs} ms`);
    }
    await sleep(1);
  }
}
