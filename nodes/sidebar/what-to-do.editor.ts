import type { FailureNumbers } from '../common/connection-numbers.ts';
import { failureText } from '../failures/failure-text.ts';

/** A failure in words. */
export interface Advice {
  /** The whole sentence, with host and number, as the log has it. */
  readonly what: string;
  /** In the language of the editor. */
  readonly doThis: string;
}

/** What failed, and what to do. The one place that knows. */
export function whatToDo({ id, message }: Pick<FailureNumbers, 'id' | 'message'>): Advice {
  return { what: message, doThis: failureText(id, (key, values) => RED._(key, values)).doThis };
}
