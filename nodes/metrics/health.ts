import type { ConnectionNumbers, FailureNumbers } from '../common/connection-numbers.ts';

/** `up`; `down`: it should be up, and is not; `off`: nobody wants it to be up. */
export type Health = 'up' | 'down' | 'off';

/** A connection, as whoever watches over it has to know it. */
export interface ConnectionHealth {
  readonly id: string;
  readonly name: string;
  readonly health: Health;
  readonly state: ConnectionNumbers['state'];
  readonly server: string | undefined;
  /** Milliseconds since the epoch. */
  readonly connectedSince: number | undefined;
  /** Why it is down: the codes and the sentence of the last failure. */
  readonly failure: FailureNumbers | undefined;
}

/** Over all: `down` where one is. */
export interface OverallHealth {
  readonly health: 'up' | 'down';
  readonly connections: readonly ConnectionHealth[];
}

export interface Watched {
  readonly id: string;
  readonly name: string;
  readonly numbers: ConnectionNumbers;
  /** It is being connected, or will be. */
  readonly isTrying: boolean;
  /** Its settings make no sense. */
  readonly isImpossible: boolean;
}

export function healthOf({ id, name, numbers, isTrying, isImpossible }: Watched): ConnectionHealth {
  const { state, server, connectedSince, lastFailure } = numbers;
  const health = state === 'connected' ? 'up' : isTrying || isImpossible ? 'down' : 'off';
  return { id, name, health, state, server, connectedSince, failure: health === 'down' ? lastFailure : undefined };
}

export function overallHealth(connections: readonly ConnectionHealth[]): OverallHealth {
  return { health: connections.some(({ health }) => health === 'down') ? 'down' : 'up', connections };
}
