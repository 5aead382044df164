/**
 * Runs `action` at clocks that are ahead: what an hour of waiting would do, without the hour. Timers are not moved.
 *
 * @param milliseconds how far ahead.
 */
export async function later<T>(milliseconds: number, action: () => Promise<T>): Promise<T> {
  const real = Date.now;
  const realNow = performance.now.bind(performance);
  Date.now = () => real() + milliseconds;
  performance.now = () => realNow() + milliseconds;
  try {
    return await action();
  } finally {
    Date.now = real;
    performance.now = realNow;
  }
}
