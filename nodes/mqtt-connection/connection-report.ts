import { type ClientState, textOf } from '../../src/index.ts';
import type { Failures } from './outbox-light.ts';
import { type FlowCounts, sumOf } from './flow-counts.ts';
import type { SharedConnection } from './shared-connection.ts';

/** What the action `getStatus` answers: plain data, without any secret. */
export interface ConnectionReport {
  readonly state: ClientState['phase'];
  /** `mqtts://host:8883`; undefined: the settings make no sense. */
  readonly server: string | undefined;
  readonly clientId: string | undefined;
  readonly protocolVersion: 3 | 4 | 5 | undefined;
  /** Of the connection, while there is one: the broker had the session already, or not. */
  readonly session: 'resumed' | 'new' | undefined;
  /** Why there is no connection, as the log says it. */
  readonly error: string | undefined;
  readonly outbox: {
    readonly messages: number;
    readonly bytes: number;
    /** Seconds for which the first of them has waited; 0: there is none. */
    readonly oldest: number;
  };
  /** How many messages failed since the connection was made, or took other settings from a message, by why. */
  readonly failures: Failures;
  readonly subscriptions: number;
  /** What flows work on that acknowledge by themselves, of all mqtt-in nodes; undefined: none does. */
  readonly flow: FlowCounts | undefined;
}

export function reportOf(connection: SharedConnection): ConnectionReport {
  const { state, outbox, failures, subscriptions, protocolVersion, clientId, server, problem } = connection;
  const cause = problem ?? ('cause' in state ? state.cause : undefined);
  return {
    state: state.phase,
    server,
    clientId,
    protocolVersion,
    session: state.phase !== 'connected' ? undefined : state.sessionPresent ? 'resumed' : 'new',
    error: cause === undefined ? undefined : textOf(cause),
    outbox: {
      messages: outbox?.messages ?? 0,
      bytes: outbox?.bytes ?? 0,
      oldest: Math.floor((outbox?.oldest ?? 0) / 1000),
    },
    failures: { ...failures },
    subscriptions: subscriptions.length,
    flow: sumOf([...connection.users].flatMap(({ flow }) => (flow === undefined ? [] : [flow]))),
  };
}
