import type { ConnectionNumbers } from '../../../../nodes/common/connection-numbers.ts';

/** Of a connection that is up. */
export function numbers(more: Partial<ConnectionNumbers> = {}): ConnectionNumbers {
  const traffic = { packets: [1, 2, 3], bytes: [10, 20, 30] } as const;
  return {
    state: 'connected',
    server: 'mqtt://broker.example:1883',
    clientId: 'me',
    protocolVersion: 5,
    session: 'new',
    connectedSince: 1_700_000_000_000,
    nextAttempt: undefined,
    roundTrip: 12.5,
    reconnects: 6,
    received: traffic,
    sent: traffic,
    latency: {
      qos1: { bounds: [1, 10], counts: [1, 2, 3], sum: 500 },
      qos2: { bounds: [1, 10], counts: [0, 0, 0], sum: 0 },
    },
    outbox: { messages: 8, bytes: 800, oldest: 7 },
    inFlight: 9,
    dropped: 9,
    failures: { expired: 4, offline: 5 },
    subscriptions: 2,
    lastFailure: undefined,
    limits: undefined,
    ...more,
  };
}
