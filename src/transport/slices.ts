import type { Chunk, Text } from '../util/chunk.ts';
import { Queue } from '../util/queue.ts';

/**
 * Bytes that a transport hands to its socket at once. A socket tells of a write when all of it has left: of one large
 * write nothing would be heard until its end, which on a slow link cannot be told from a dead peer.
 */
const SLICE_SIZE = 65_536;

/** In UTF-8, of one UTF-16 code unit. */
const MOST_BYTES_OF_UNIT = 3;

/** What waits for a socket, in pieces of at most 64 KiB; nothing is copied. */
export class Slices {
  readonly #waiting = new Queue<Chunk>();

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  push(chunks: readonly Chunk[]): void {
    for (const chunk of chunks) this.#split(chunk);
  }

  /** The next piece, alone: for a transport that frames each. */
  shift(): Chunk | undefined {
    return this.#waiting.shift();
  }

  /** The next pieces that are 64 KiB together; one at least, unless nothing waits. */
  take(): Chunk[] {
    const taken: Chunk[] = [];
    let size = 0;
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      size += Buffer.isBuffer(next) ? next.length : next.bytes;
      if (size > SLICE_SIZE && taken.length > 0) return taken;
      taken.push(next);
      this.#waiting.shift();
    }
    return taken;
  }

  #split(chunk: Chunk): void {
    if (!Buffer.isBuffer(chunk)) return this.#splitText(chunk);
    for (let start = 0; start < chunk.length; start += SLICE_SIZE) {
      this.#waiting.push(chunk.length <= SLICE_SIZE ? chunk : chunk.subarray(start, start + SLICE_SIZE));
    }
  }

  /** A part of a text refers to the whole: nothing is copied here either. */
  #splitText(chunk: Text): void {
    if (chunk.bytes <= SLICE_SIZE) {
      this.#waiting.push(chunk);
      return;
    }
    const isAscii = chunk.bytes === chunk.text.length;
    const most = isAscii ? SLICE_SIZE : Math.floor(SLICE_SIZE / MOST_BYTES_OF_UNIT);
    for (let start = 0; start < chunk.text.length;) {
      const end = start + most;
      const text = chunk.text.slice(start, splitsCharacter(chunk.text, end) ? end - 1 : end);
      this.#waiting.push({ text, bytes: isAscii ? text.length : Buffer.byteLength(text) });
      start += text.length;
    }
  }
}

/** Whether the code unit in front of `at` is the first half of a character. */
function splitsCharacter(text: string, at: number): boolean {
  const unit = text.charCodeAt(at - 1);
  return at < text.length && unit >= 0xd800 && unit <= 0xdbff;
}
