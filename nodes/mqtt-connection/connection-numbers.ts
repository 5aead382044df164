import {
  type Histogram,
  MqttError,
  type MqttErrorCode,
  type ServerLimits,
  systemCodeOf,
  type Traffic,
} from '../../src/index.ts';
import type {
  BrokerLimits,
  ConnectionNumbers,
  FailureNumbers,
  LatencyNumbers,
  TrafficNumbers,
} from '../common/connection-numbers.ts';
import { failureId } from '../failures/failure-id.ts';
import type { SharedConnection } from './shared-connection.ts';

/** Ends of messages that the broker had no part in. */
const DROPS: readonly MqttErrorCode[] = ['dropped', 'expired', 'offline', 'outbox-full'];

/** Looks only: what it tells is counted whether anybody looks or not. */
export function numbersOf(connection: SharedConnection): ConnectionNumbers {
  const { state, numbers, subscriptions, protocolVersion, clientId, server, limits } = connection;
  const { failures, lastFailure } = numbers;
  return {
    state: state.phase,
    server,
    clientId,
    protocolVersion,
    session: state.phase !== 'connected' ? undefined : state.sessionPresent ? 'resumed' : 'new',
    connectedSince: numbers.connectedSince,
    nextAttempt: state.phase === 'waiting' ? state.until : undefined,
    roundTrip: numbers.roundTrip,
    reconnects: numbers.reconnects,
    received: trafficOf(numbers.received),
    sent: trafficOf(numbers.sent),
    latency: { qos1: latencyOf(numbers.latency[1]), qos2: latencyOf(numbers.latency[2]) },
    outbox: outboxOf(connection),
    inFlight: connection.inFlight,
    dropped: DROPS.reduce((sum, code) => sum + (failures[code] ?? 0), 0),
    failures: { ...failures },
    subscriptions: subscriptions.length,
    lastFailure: lastFailure === undefined ? undefined : failureOf(lastFailure.error, lastFailure.at),
    limits: limits === undefined ? undefined : limitsOf(limits),
  };
}

/** An error as data. @param at milliseconds since the epoch. */
export function failureOf(error: Error, at: number): FailureNumbers {
  return {
    at,
    // What is no error of the engine's is none that a person can do something about.
    id: error instanceof MqttError ? failureId(error) : 'client.other',
    code: error instanceof MqttError ? error.code : 'unknown',
    reasonCode: 'reasonCode' in error && typeof error.reasonCode === 'number' ? error.reasonCode : undefined,
    systemCode: systemCodeOf(error.cause) || undefined,
    message: error.message,
  };
}

function trafficOf({ packets, bytes }: Traffic): TrafficNumbers {
  return { packets: [...packets], bytes: [...bytes] };
}

function latencyOf({ bounds, counts, sum }: Histogram): LatencyNumbers {
  return { bounds: [...bounds], counts: [...counts], sum };
}

function outboxOf({ outbox }: SharedConnection): ConnectionNumbers['outbox'] {
  const { messages = 0, bytes = 0, oldest = 0 } = outbox ?? {};
  return { messages, bytes, oldest: Math.floor(oldest / 1000) };
}

function limitsOf(limits: ServerLimits): BrokerLimits {
  const { clientId: _own, maximumPacketSize, ...others } = limits;
  return { ...others, maximumPacketSize: Number.isFinite(maximumPacketSize) ? maximumPacketSize : undefined };
}
