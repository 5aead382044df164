/** Closes a `switch` over a union: a member that was forgotten becomes a compile error, and a thrown one at run time. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected value: ${JSON.stringify(value)}`);
}
