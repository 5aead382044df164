/**
 * Runs `action` at a wall clock that is ahead: what an hour of waiting would do, without the hour. Timers are not moved.
 *
 * @param milliseconds how far ahead.
 */
export async function later<T>(milliseconds: number, action: () => Promise<T>): Promise<T> {
  const real = Date.now;
  Date.now = () => real() + milliseconds;
  try {
    return await action();
  } finally {
    Date.now = real;
  }
}
