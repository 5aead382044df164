/** A message of which memory has numbers alone: 32 bytes. */
export interface BacklogRow {
  readonly sequence: number;
  /** What it counts for in limits. */
  readonly size: number;
  /** Milliseconds of `Clock.now`. */
  readonly acceptedAt: number;
  /** The same; Infinity: it does not expire. */
  readonly expiresAt: number;
}

/** Numbers of one row. */
const WIDTH = 4;

/** Rows of one block. */
const ROWS = 4096;

/** Rows by rising sequence: they come behind all others, and leave mostly at the front. */
export class BacklogRows implements Iterable<BacklogRow> {
  #blocks: Float64Array[] = [];
  /** Rows of the first block that have left. */
  #head = 0;
  #length = 0;
  #bytes = 0;

  get length(): number {
    return this.#length;
  }

  /** What they count for in limits. */
  get bytes(): number {
    return this.#bytes;
  }

  get first(): BacklogRow | undefined {
    return this.#length === 0 ? undefined : this.#at(0);
  }

  get last(): BacklogRow | undefined {
    return this.#length === 0 ? undefined : this.#at(this.#length - 1);
  }

  push({ sequence, size, acceptedAt, expiresAt }: BacklogRow): void {
    const index = this.#head + this.#length;
    const block = (this.#blocks[Math.floor(index / ROWS)] ??= new Float64Array(ROWS * WIDTH));
    block.set([sequence, size, acceptedAt, expiresAt], (index % ROWS) * WIDTH);
    this.#length += 1;
    this.#bytes += size;
  }

  shift(): BacklogRow | undefined {
    const row = this.first;
    if (row === undefined) return undefined;
    this.#head += 1;
    this.#length -= 1;
    this.#bytes -= row.size;
    if (this.#head === ROWS || this.#length === 0) {
      this.#blocks.shift();
      this.#head = 0;
    }
    return row;
  }

  has(sequence: number): boolean {
    let low = 0;
    for (let high = this.#length; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle).sequence < sequence) low = middle + 1;
      else high = middle;
    }
    return low < this.#length && this.#at(low).sequence === sequence;
  }

  *[Symbol.iterator](): Generator<BacklogRow> {
    for (let index = 0; index < this.#length; index++) yield this.#at(index);
  }

  #at(index: number): BacklogRow {
    const position = this.#head + index;
    const block = this.#blocks[Math.floor(position / ROWS)];
    const start = (position % ROWS) * WIDTH;
    const number = (field: number): number => block?.[start + field] ?? 0;
    return { sequence: number(0), size: number(1), acceptedAt: number(2), expiresAt: number(3) };
  }
}
