import { ACK_TIMEOUT, ACKNOWLEDGE_MISSING, AT_ONCE, waitsForFlow } from './acknowledge-fields.ts';
import { whole } from './stored.ts';

/** When an mqtt-in acknowledges, as flows store it; older flows have none of it. */
export interface StoredAcknowledge {
  /** `received` (default) or `flow`. */
  readonly acknowledge?: unknown;
  readonly atOnce?: unknown;
  /** Seconds; empty: no limit. */
  readonly ackTimeout?: unknown;
  /** `again` (default) or `acknowledge`. */
  readonly whenLate?: unknown;
  /** `drop-oldest` (default), `drop-newest` or `keep-latest`. */
  readonly qos0WhenFull?: unknown;
}

/** What gives way when too many messages at QoS 0 wait for the flow. */
export type Qos0WhenFull = 'drop-oldest' | 'drop-newest' | 'keep-latest';

/** How a flow works on the messages of an mqtt-in, which acknowledges them when the flow is done. */
export interface FlowWorkOptions {
  /** Messages in the flow at most. */
  readonly atOnce: number;
  /** Milliseconds for which the flow may work on a message; undefined: for ever. */
  readonly timeout: number | undefined;
  readonly whenLate: 'again' | 'acknowledge';
  readonly qos0WhenFull: Qos0WhenFull;
}

const USUAL_AT_ONCE = Number(ACKNOWLEDGE_MISSING.atOnce);
const USUAL_TIMEOUT = Number(ACKNOWLEDGE_MISSING.ackTimeout);

/** undefined: it acknowledges what it has received. */
export function flowWorkOptions(stored: StoredAcknowledge): FlowWorkOptions | undefined {
  if (!waitsForFlow(stored.acknowledge)) return undefined;
  const { qos0WhenFull } = stored;
  return {
    atOnce: atOnceOf(stored.atOnce) ?? USUAL_AT_ONCE,
    timeout: isEmpty(stored.ackTimeout) ? undefined : (timeoutOf(stored.ackTimeout) ?? USUAL_TIMEOUT) * 1000,
    whenLate: stored.whenLate === 'acknowledge' ? 'acknowledge' : 'again',
    qos0WhenFull: qos0WhenFull === 'drop-newest' || qos0WhenFull === 'keep-latest' ? qos0WhenFull : 'drop-oldest',
  };
}

/** What of the stored fields cannot be used, and what is used instead; for a person to read. */
export function problemsOfAcknowledge(stored: StoredAcknowledge): string[] {
  if (!waitsForFlow(stored.acknowledge)) return [];
  const { atOnce, ackTimeout } = stored;
  const problems: string[] = [];
  if (atOnce !== undefined && !isEmpty(atOnce) && atOnceOf(atOnce) === undefined) {
    problems.push(
      `at most in the flow at once is ${shown(atOnce)}, not 1 to ${AT_ONCE.most}: ${USUAL_AT_ONCE} is used`,
    );
  }
  if (ackTimeout !== undefined && !isEmpty(ackTimeout) && timeoutOf(ackTimeout) === undefined) {
    problems.push(
      `the time for the flow is ${shown(ackTimeout)}, not 1 to ${ACK_TIMEOUT.most} s: ${USUAL_TIMEOUT} s is used`,
    );
  }
  return problems;
}

function atOnceOf(value: unknown): number | undefined {
  return whole(value, AT_ONCE.least, AT_ONCE.most);
}

function timeoutOf(value: unknown): number | undefined {
  return whole(value, ACK_TIMEOUT.least, ACK_TIMEOUT.most);
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'string' && value.trim() === '';
}

function shown(value: unknown): string {
  return typeof value === 'number' || typeof value === 'string' ? `"${value}"` : 'no number';
}
