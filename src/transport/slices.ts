import { Queue } from '../util/queue.ts';

/**
 * Bytes that a transport hands to its socket at once. A socket tells of a write when all of it has left: of one large
 * write nothing would be heard until its end, which on a slow link cannot be told from a dead peer.
 */
const SLICE_SIZE = 65_536;

/** What waits for a socket, in pieces of at most 64 KiB; nothing is copied. */
export class Slices {
  readonly #waiting = new Queue<Buffer>();

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  push(chunks: readonly Buffer[]): void {
    for (const chunk of chunks) this.#split(chunk);
  }

  /** The next piece, alone: for a transport that frames each. */
  shift(): Buffer | undefined {
    return this.#waiting.shift();
  }

  /** The next pieces that are 64 KiB together; one at least, unless nothing waits. */
  take(): Buffer[] {
    const taken: Buffer[] = [];
    let size = 0;
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      size += next.length;
      if (size > SLICE_SIZE && taken.length > 0) return taken;
      taken.push(next);
      this.#waiting.shift();
    }
    return taken;
  }

  #split(chunk: Buffer): void {
    for (let start = 0; start < chunk.length; start += SLICE_SIZE) {
      this.#waiting.push(chunk.length <= SLICE_SIZE ? chunk : chunk.subarray(start, start + SLICE_SIZE));
    }
  }
}
