import assert from 'node:assert/strict';

/** Asserts that `actual` has what `expected` names, at any depth (`assert.partialDeepStrictEqual`, which Node 20 lacks). */
export function assertHas(actual: unknown, expected: unknown): void {
  assert.deepEqual(pick(actual, expected), expected);
}

function pick(actual: unknown, expected: unknown): unknown {
  if (!isPlainObject(expected) || typeof actual !== 'object' || actual === null) return actual;
  const source = actual as Record<string, unknown>;
  return Object.fromEntries(Object.keys(expected).map((key) => [key, pick(source[key], expected[key])]));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
