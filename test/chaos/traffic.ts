import { sourceOf } from './flow.ts';
import type { HandIn } from './hand-in.ts';
import type { Observer } from './observer.ts';
import { CHAOS_STREAMS, IN_STREAMS, OUT_STREAMS, sizeOf, type Stream } from './streams.ts';

const TICK_MS = 100;

/** Numbers the messages of each stream, and hands them to Node-RED or publishes them. */
export class Traffic {
  readonly #handIn: HandIn;
  readonly #observer: Observer;
  readonly #next = new Map<Stream, number>();
  readonly #first = new Map<Stream, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(handIn: HandIn, observer: Observer) {
    this.#handIn = handIn;
    this.#observer = observer;
  }

  /** The first message of a stream that counts. */
  firstOf(stream: Stream): number {
    return this.#first.get(stream) ?? 0;
  }

  /** One message on each incoming stream. */
  probe(): void {
    for (const stream of IN_STREAMS) this.#publish(stream);
  }

  /** From now on so many messages a second, over all streams; those from here on count. */
  start(rate: number): void {
    for (const stream of CHAOS_STREAMS) this.#first.set(stream, this.#next.get(stream) ?? 0);
    let owing = 0;
    this.#timer = setInterval(() => {
      owing += (rate / CHAOS_STREAMS.length / 1000) * TICK_MS;
      for (; owing >= 1; owing -= 1) this.#round();
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #round(): void {
    for (const stream of OUT_STREAMS) this.#handOver(stream);
    this.probe();
  }

  /** Without a Node-RED there is nothing to hand over to: the number is used later. */
  #handOver(stream: Stream): void {
    const number = this.#next.get(stream) ?? 0;
    if (this.#handIn.give(sourceOf(stream), number, sizeOf(number))) this.#next.set(stream, number + 1);
  }

  #publish(stream: Stream): void {
    const number = this.#next.get(stream) ?? 0;
    this.#observer.publish(stream, number);
    this.#next.set(stream, number + 1);
  }
}
