import type { FailureNumbers } from '../common/connection-numbers.ts';

/** A failure in words. */
export interface Advice {
  readonly means: string;
  /** undefined: nobody knows better than what it means. */
  readonly doThis: string | undefined;
}

/** What a failure means, and what to do. The one place that knows. */
export function whatToDo({ message }: FailureNumbers): Advice {
  return { means: message, doThis: undefined };
}
