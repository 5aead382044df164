/** A yes or no as flows store it, which may be text in old flows and environment variables; undefined for all else. */
export function tick(value: unknown): boolean | undefined {
  if (value === true || value === 'true') return true;
  return value === false || value === 'false' ? false : undefined;
}

/** Whether it is a stored yes. */
export function isTrue(value: unknown): boolean {
  return tick(value) === true;
}
