import type { QoS } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';
import type { Receiver } from './receiver.ts';
import { Vacancy } from './vacancy.ts';

/**
 * What of the messages with the RETAIN flag is not for a receiver while a SUBSCRIBE for somebody else's sake brings what
 * the Server retains: all of it; of each topic the first, where one more would be live; copies of what it had; or copies
 * of what came meanwhile, because the session had it.
 */
export type Withheld = 'all' | 'first' | 'repeated' | 'again';

/** Topics of which a place remembers that it had what is retained; of others it may get that twice. */
const MOST_RETAINED = 10_000;

/** A receiver's place in a route. It stays the same while a deploy takes the receiver away and brings it back. */
export class Seat {
  readonly ref: string | undefined;
  /** Rises from seat to seat: those of after the beginning of a delivery are not part of it. */
  readonly number: number;
  // Two fields and not a union, because each delivery asks; the methods below keep at most one of them set.
  #receiver: Receiver | undefined;
  #vacancy: Vacancy | undefined;
  #first: number;
  #firstIdentifier: number | undefined;
  #since: number;
  /** Topics of what it was given of what the Server retains, while that may not be all; undefined: it is, or none is due. */
  #retained: Set<string> | undefined;
  /** The last time that a copy came; at QoS 1 or 2 behind everything that was queued before it. */
  #heard = -1;
  #heardInOrder = -1;

  /** @param identifier with which the first copies come. */
  constructor(receiver: Receiver, number: number, since: number, identifier: number | undefined) {
    this.#firstIdentifier = identifier;
    this.ref = receiver.ref;
    this.number = number;
    this.#receiver = receiver;
    this.#first = since;
    this.#since = since;
  }

  get receiver(): Receiver | undefined {
    return this.#receiver;
  }

  /** While somebody is waited for. */
  get vacancy(): Vacancy | undefined {
    return this.#vacancy;
  }

  /** When it began to get copies; Infinity: it does not yet. */
  get first(): number {
    return this.#first;
  }

  /** With which identifier the first copies came. */
  get firstIdentifier(): number | undefined {
    return this.#firstIdentifier;
  }

  /** When it began to get what it gets now: later than `first`, if the filter was granted again with more. */
  get since(): number {
    return this.#since;
  }

  /** What the Server retains is asked for: it may come twice, if the connection ends meanwhile. */
  awaitRetained(): void {
    this.#retained ??= new Set();
  }

  /** All of it has come. */
  endRetained(): void {
    this.#retained = undefined;
  }

  /** It was given something that the Server may retain. */
  gaveRetained(topic: string): void {
    if (this.#retained !== undefined && this.#retained.size < MOST_RETAINED) this.#retained.add(topic);
  }

  /** What it had of the topic is not the last of it any more. */
  passedRetained(topic: string): void {
    this.#retained?.delete(topic);
  }

  /** Whether it was given what came last on the topic. */
  hadRetained(topic: string): boolean {
    return this.#retained?.has(topic) === true;
  }

  begin(serial: number, identifier: number | undefined): void {
    if (this.#first === Infinity) {
      this.#first = serial;
      this.#firstIdentifier = identifier;
    }
    this.#since = serial;
    this.#heard = -1;
    this.#heardInOrder = -1;
  }

  /** The Server does not have the filter. */
  end(): void {
    this.#first = Infinity;
    this.#since = Infinity;
  }

  /** A copy came. */
  hear(qos: QoS, serial: number): void {
    this.#heard = serial;
    if (qos > 0) this.#heardInOrder = serial;
  }

  /** Whether since `serial` a copy came that tells what became of the earlier ones at this QoS. */
  heardSince(serial: number, qos: QoS): boolean {
    return (qos === 0 ? this.#heard : this.#heardInOrder) >= serial;
  }

  vacate(): Vacancy {
    this.#receiver = undefined;
    this.#vacancy = new Vacancy(this.ref);
    return this.#vacancy;
  }

  take(receiver: Receiver, filter: TopicFilter): void {
    this.#retained = undefined;
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
