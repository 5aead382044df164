/** The two lengths, the longest Topic Name and the Packet Identifier: what is needed of a PUBLISH to answer it (3.3.2). */
const LONGEST_HEAD = 2 + 65_535 + 2;

/** A packet above our maximum whose bytes are let pass: its beginning is kept, the rest only counted. */
export class OversizedPacket {
  readonly firstByte: number;
  /** Bytes of the whole packet, the fixed header included. */
  readonly size: number;
  readonly #head: Buffer;
  #held = 0;
  #left: number;

  constructor(firstByte: number, size: number, remainingLength: number) {
    this.firstByte = firstByte;
    this.size = size;
    this.#head = Buffer.allocUnsafe(Math.min(remainingLength, LONGEST_HEAD));
    this.#left = remainingLength;
  }

  /** The beginning of the packet behind its fixed header. */
  get head(): Buffer {
    return this.#head.subarray(0, this.#held);
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  /** Takes what `chunk` has of it from `start` on; returns where it ends there. */
  take(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#left);
    this.#held += chunk.copy(this.#head, this.#held, start, end);
    this.#left -= end - start;
    return end;
  }
}
