import type { MqttError } from '../protocol/errors.ts';
import type { Clock } from '../util/clock.ts';
import { deferred } from '../util/deferred.ts';
import type { Dial, DialOptions } from './dial.ts';
import type { ServerAddress } from './server.ts';
import type { Transport } from './transport.ts';

export interface Within {
  readonly dial: Dial;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly timeout: number;
  /** What it rejects with behind them. */
  readonly late: MqttError;
}

/** Dials, but not for longer than the timeout, whatever the dial does. Rejects as {@link Dial}, or with the signal's reason. */
export async function dialWithin(
  server: ServerAddress,
  options: DialOptions,
  { dial, clock, timeout, late }: Within,
  signal: AbortSignal,
): Promise<Transport> {
  const attempt = new AbortController();
  const abort = (): void => attempt.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  const timer = clock.timer(timeout, () => attempt.abort(late));
  try {
    return await unlessAborted(dial(server, options, attempt.signal), attempt.signal);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', abort);
  }
}

/** A dial that does not end when it is told to is not waited for; what it opens later is nobody's, and ended. */
function unlessAborted(dialled: Promise<Transport>, signal: AbortSignal): Promise<Transport> {
  const { promise, resolve, reject } = deferred<Transport>();
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  // Both outcomes are handed on, or have nobody to go to.
  void dialled.then((transport) => (signal.aborted ? transport.destroy() : resolve(transport)), reject);
  return promise;
}
