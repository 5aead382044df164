import type { Clock } from '../util/clock.ts';

/** Bytes of a piece from which small copies are cut. */
const PIECE = 65_536;

/** Below this memory is not worth to be lent: a connection with a packet that came in two parts would hold a piece. */
const SMALLEST_LENT = 16_384;

/** Pieces that are kept for later; more than that one turn hardly takes. */
const MOST_FREE = 64;

/**
 * Memory for packets that are handed out and forgotten within a turn of the event loop, which is nearly all of them. To
 * allocate it anew for each is what makes large messages slow: V8 collects all garbage again and again for the sake of a
 * few buffers. Who keeps something of a packet copies it before the hand-over of its turn is over (`HandOver`), so what
 * was lent in one turn is free two turns later. What is free V8 may have back at any time.
 */
export class TurnMemory {
  readonly #clock: Clock;
  #piece: Buffer | undefined;
  #used = 0;
  /** Lent in this turn, and in the one before. */
  #lent: Buffer[] = [];
  #resting: Buffer[] = [];
  readonly #pieces: WeakRef<Buffer>[] = [];
  readonly #larger: WeakRef<Buffer>[] = [];
  #isTurning = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The bytes once more, in memory that is lent. */
  copy(bytes: Buffer): Buffer {
    const to = bytes.length > PIECE ? this.#takeLent(bytes.length) : this.#cut(bytes.length);
    bytes.copy(to);
    return to.subarray(0, bytes.length);
  }

  /** So many bytes at least, to be given back by {@link lend} or {@link giveBack}. */
  take(size: number): Buffer {
    if (size < SMALLEST_LENT) return Buffer.allocUnsafeSlow(size);
    const free = size > PIECE ? this.#larger : this.#pieces;
    for (let index = free.length - 1; index >= 0; index--) {
      const buffer = free[index]?.deref();
      if (buffer !== undefined && buffer.length < size) continue;
      free.splice(index, 1);
      if (buffer !== undefined) return buffer;
    }
    return Buffer.allocUnsafeSlow(Math.max(PIECE, size));
  }

  /** Parts of it are with somebody, within the rule of this class. */
  lend(buffer: Buffer): void {
    if (buffer.length < PIECE) return;
    this.#lent.push(buffer);
    this.#turn();
  }

  /** Nobody has a part of it. */
  giveBack(buffer: Buffer): void {
    if (buffer.length < PIECE) return;
    const free = buffer.length > PIECE ? this.#larger : this.#pieces;
    if (free.length < MOST_FREE) free.push(new WeakRef(buffer));
  }

  #takeLent(size: number): Buffer {
    const buffer = this.take(size);
    this.lend(buffer);
    return buffer;
  }

  #cut(size: number): Buffer {
    if (this.#piece === undefined || this.#used + size > this.#piece.length) {
      this.#piece = this.#takeLent(PIECE);
      this.#used = 0;
    }
    this.#used += size;
    return this.#piece.subarray(this.#used - size, this.#used);
  }

  #turn(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    this.#clock.afterIo(() => {
      this.#isTurning = false;
      for (const buffer of this.#resting) this.giveBack(buffer);
      this.#resting = this.#lent;
      this.#lent = [];
      this.#piece = undefined;
      if (this.#resting.length > 0) this.#turn();
    });
  }
}
