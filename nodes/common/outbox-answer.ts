/** Under the editor's address; behind it the id of a connection. */
export const OUTBOX_PATH = 'posthorn/outbox';

/** What the runtime answers about the outbox of a connection. */
export interface OutboxAnswer {
  /** Whether it says all: not while the session is being opened, or cannot be used. */
  readonly isKnown: boolean;
  readonly messages: number;
  readonly bytes: number;
  /** Seconds for which the first of them has waited; 0: there is none. */
  readonly oldest: number;
}
