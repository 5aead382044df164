/** Calls `fire` once after so many milliseconds, unless what it returned is called before. */
export type After = (milliseconds: number, fire: () => void) => () => void;

/** The process need not stay for it. */
export const after: After = (milliseconds, fire) => {
  const timer = setTimeout(fire, milliseconds).unref();
  return () => clearTimeout(timer);
};

/** Resolves with what `work` does, or with undefined when that takes longer. */
export async function atMost<T>(milliseconds: number, work: Promise<T>, wait: After = after): Promise<T | undefined> {
  let cancel = (): void => undefined;
  const late = new Promise<undefined>((resolve) => (cancel = wait(milliseconds, () => resolve(undefined))));
  return Promise.race([work, late]).finally(cancel);
}

/** Resolves after so many milliseconds, or when `signal` is aborted. */
export function pause(milliseconds: number, signal: AbortSignal, wait: After = after): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const cancel = wait(milliseconds, end);
    signal.addEventListener('abort', end, { once: true });

    function end(): void {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    }
  });
}
