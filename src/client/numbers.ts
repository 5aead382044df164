import type { MqttError, MqttErrorCode } from '../protocol/errors.ts';
import type { QoS } from '../protocol/packet.ts';
import { Histogram } from '../util/histogram.ts';

/** PUBLISH packets in one direction, each time that one passes, with the bytes of their payloads; by QoS. */
export class Traffic {
  readonly packets: [number, number, number] = [0, 0, 0];
  readonly bytes: [number, number, number] = [0, 0, 0];

  count(qos: QoS, bytes: number): void {
    this.packets[qos] += 1;
    this.bytes[qos] += bytes;
  }
}

/** Milliseconds: from a broker in the same machine to an outage of a minute. */
const LATENCY_BOUNDS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000];

/** The last failure to connect, or of a connection. */
export interface LastFailure {
  readonly error: MqttError;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * What a client counts, for those who look. It may be handed from one client to the next, and then goes on: a counter
 * never goes back. Who owns
 * the client is its only other writer.
 */
export class ClientNumbers {
  readonly received = new Traffic();
  readonly sent = new Traffic();
  /** Milliseconds from when a message was accepted until the Server acknowledged it, at QoS 1 and 2. */
  readonly latency = { 1: new Histogram(LATENCY_BOUNDS), 2: new Histogram(LATENCY_BOUNDS) } as const;
  /** Messages that failed, by why. */
  readonly failures: Partial<Record<MqttErrorCode, number>> = {};
  #connections = 0;
  #connectedSince: number | undefined;
  #roundTrip: number | undefined;
  #lastFailure: LastFailure | undefined;

  /** Connections that followed on the first one. */
  get reconnects(): number {
    return Math.max(0, this.#connections - 1);
  }

  /** Milliseconds since the epoch; undefined: there is no connection. */
  get connectedSince(): number | undefined {
    return this.#connectedSince;
  }

  /** Milliseconds from the last PINGREQ of this connection to its answer; undefined: there was none yet. */
  get roundTrip(): number | undefined {
    return this.#roundTrip;
  }

  get lastFailure(): LastFailure | undefined {
    return this.#lastFailure;
  }

  /** @param wall milliseconds since the epoch. */
  accepted(wall: number): void {
    this.#connections += 1;
    this.#connectedSince = wall;
    this.#roundTrip = undefined;
  }

  ended(): void {
    this.#connectedSince = undefined;
    this.#roundTrip = undefined;
  }

  measured(milliseconds: number): void {
    this.#roundTrip = milliseconds;
  }

  answered(qos: QoS, milliseconds: number): void {
    if (qos > 0) this.latency[qos as 1 | 2].count(milliseconds);
  }

  failedToConnect(error: MqttError, wall: number): void {
    this.#lastFailure = { error, at: wall };
  }

  messageFailed(code: MqttErrorCode): void {
    this.failures[code] = (this.failures[code] ?? 0) + 1;
  }
}
