/** The command was typed wrong: the answer is its usage. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
