import { textOf } from '../../src/index.ts';
import type { ConnectionNumbers } from '../common/connection-numbers.ts';
import { numbersOf } from './connection-numbers.ts';
import { type FlowCounts, sumOf } from './flow-counts.ts';
import type { SharedConnection } from './shared-connection.ts';

/** What the action `getStatus` answers: the numbers of the connection, and what is of the flows around it. */
export interface ConnectionReport extends ConnectionNumbers {
  /** Why there is no connection, as the log says it. */
  readonly error: string | undefined;
  /** What flows work on that acknowledge by themselves, of all mqtt-in nodes; undefined: none does. */
  readonly flow: FlowCounts | undefined;
}

export function reportOf(connection: SharedConnection): ConnectionReport {
  const { state, problem } = connection;
  const cause = problem ?? ('cause' in state ? state.cause : undefined);
  return {
    ...numbersOf(connection),
    error: cause === undefined ? undefined : textOf(cause),
    flow: sumOf([...connection.users].flatMap(({ flow }) => (flow === undefined ? [] : [flow]))),
  };
}
