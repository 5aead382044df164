import type { QoS } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';
import type { Receiver } from './receiver.ts';
import { Vacancy } from './vacancy.ts';

/**
 * What of the messages with the RETAIN flag is not for a receiver while a SUBSCRIBE for somebody else's sake brings what
 * the Server retains: nothing of it, or not the copies of what it had.
 */
export type Withheld = 'all' | 'repeated';

/** A receiver's place in a route. It stays the same while a deploy takes the receiver away and brings it back. */
export class Seat {
  readonly ref: string | undefined;
  /** Rises from seat to seat: those of after the beginning of a delivery are not part of it. */
  readonly number: number;
  withheld: Withheld | undefined;
  /** The highest QoS of a copy that came since the beginning: what was queued before it does not come any more. */
  heard: QoS | -1 = -1;
  // Two fields and not a union, because each delivery asks; the methods below keep at most one of them set.
  #receiver: Receiver | undefined;
  #vacancy: Vacancy | undefined;
  #since: number;

  constructor(receiver: Receiver, number: number, since: number) {
    this.ref = receiver.ref;
    this.number = number;
    this.#receiver = receiver;
    this.#since = since;
  }

  get receiver(): Receiver | undefined {
    return this.#receiver;
  }

  /** While somebody is waited for. */
  get vacancy(): Vacancy | undefined {
    return this.#vacancy;
  }

  /** When it began to get a copy of every matching message; Infinity: not yet. */
  get since(): number {
    return this.#since;
  }

  begin(serial: number): void {
    this.#since = serial;
    this.heard = -1;
  }

  vacate(): Vacancy {
    this.#receiver = undefined;
    this.#vacancy = new Vacancy();
    return this.#vacancy;
  }

  take(receiver: Receiver, filter: TopicFilter): void {
    this.#vacancy?.fill(receiver, filter);
    this.#vacancy = undefined;
    this.#receiver = receiver;
  }

  /** Nobody sits here any more, nor will. */
  leave(): void {
    this.#vacancy?.giveUp();
    this.#vacancy = undefined;
    this.#receiver = undefined;
  }
}
