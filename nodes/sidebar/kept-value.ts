/** The last value of a topic, cut; it takes the place of the one before it, so that a stream of them allocates nothing. */
export class KeptValue {
  readonly #most: number;
  #room: Buffer = NO_ROOM;
  #length = 0;
  #size = 0;

  /** @param most bytes that are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes of the whole payload. */
  get size(): number {
    return this.#size;
  }

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  get isCut(): boolean {
    return this.#length < this.#size;
  }

  /** @param left bytes that may be allocated. @returns those that were. */
  set(payload: Buffer, left: number): number {
    const wanted = Math.min(payload.length, this.#most);
    const allocated = wanted > this.#room.length ? this.#grow(wanted, left) : 0;
    this.#length = payload.copy(this.#room, 0, 0, Math.min(wanted, this.#room.length));
    this.#size = payload.length;
    return allocated;
  }

  /** Twice what is wanted, so that values of changing length come to rest. */
  #grow(wanted: number, left: number): number {
    const size = Math.min(Math.max(2 * wanted, SMALLEST), this.#most);
    if (size > left) return 0;
    this.#room = Buffer.allocUnsafe(size);
    return size;
  }
}

const NO_ROOM = Buffer.alloc(0);
const SMALLEST = 16;
