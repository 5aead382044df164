import type { OnReadOpts } from 'node:net';
import { Queue } from '../util/queue.ts';

/**
 * Where all sockets read: one after the other, and each read is handled before the next. A buffer for each read is what
 * a socket makes by itself, and as garbage it costs more than the reading.
 */
const SHARED = Buffer.allocUnsafeSlow(262_144);

/**
 * What a socket reads, from before it is connected on, until somebody takes it. TLS hands on all that one read brought,
 * also behind a pause: that waits here.
 */
export class Reception {
  #data: ((chunk: Buffer) => void) | undefined;
  #isPaused = true;
  readonly #waiting = new Queue<Buffer>();
  /** Who waits until all was taken. */
  #taken: (() => void) | undefined;

  /** For `net.connect` and `tls.connect`. */
  readonly onread: OnReadOpts = {
    buffer: SHARED,
    callback: (size, buffer) => {
      this.#receive((buffer as Buffer).subarray(0, size));
      return !this.#isPaused;
    },
  };

  /** @param data told of each chunk from {@link resume} on; it is valid during the call alone. */
  start(data: (chunk: Buffer) => void): void {
    this.#data = data;
  }

  pause(): void {
    this.#isPaused = true;
  }

  /**
   * Never calls back from within, but for `readOn`.
   * @param readOn more may be read: not before all that waits was taken, or the end of the peer would overtake it.
   */
  resume(readOn: () => void): void {
    this.#isPaused = false;
    if (this.#waiting.length === 0 && this.#taken === undefined) return readOn();
    queueMicrotask(() => {
      this.#handOn();
      if (this.#isPaused) return;
      this.#tellTaken();
      readOn();
    });
  }

  /** Calls back when nothing waits any more and it is not paused: at once, where that is so. */
  whenTaken(taken: () => void): void {
    this.#taken = taken;
    if (this.#waiting.length === 0 && !this.#isPaused) this.#tellTaken();
  }

  /** The connection broke: what waits is handed on, paused or not. */
  flush(): void {
    while (this.#waiting.length > 0) this.#handOnNext();
    this.#isPaused = false;
  }

  /** Nobody wants what waits. */
  discard(): void {
    this.#waiting.drain();
    this.#isPaused = false;
  }

  #receive(chunk: Buffer): void {
    if (this.#data === undefined || this.#isPaused || this.#waiting.length > 0) this.#waiting.push(Buffer.from(chunk));
    else this.#data(chunk);
  }

  #handOn(): void {
    while (this.#waiting.length > 0 && !this.#isPaused) this.#handOnNext();
  }

  #handOnNext(): void {
    const chunk = this.#waiting.shift();
    if (chunk !== undefined) this.#data?.(chunk);
  }

  #tellTaken(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }
}
