import type { QoS } from '../../src/index.ts';

/** That something happened to a message, and when, in milliseconds since 1970. */
export interface Mark {
  readonly number: number;
  readonly at: number;
  /** When the connection was opened over which it came, where that matters. */
  readonly since?: number;
}

/** Marks by quality of service: over one connection there is one stream of each in a direction. */
export class Marks {
  readonly #byQos: Record<QoS, Mark[]> = { 0: [], 1: [], 2: [] };

  add(qos: QoS, number: number, since: number): void {
    this.#byQos[qos].push({ number, at: Date.now(), since });
  }

  of(qos: QoS): readonly Mark[] {
    return this.#byQos[qos];
  }
}
