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

  find(sequence: number): BacklogRow | undefined {
    let low = 0;
    for (let high = this.#length; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#number(middle, 0) < sequence) low = middle + 1;
      else high = middle;
    }
    const row = low < this.#length ? this.#at(low) : undefined;
    return row?.sequence === sequence ? row : undefined;
  }

  /** When the next one expires; Infinity: none does. */
  get expiresFrom(): number {
    let earliest = Infinity;
    for (let index = 0; index < this.#length; index++) earliest = Math.min(earliest, this.#number(index, 3));
    return earliest;
  }

  /** Takes out what has expired. */
  takeExpired(now: number): BacklogRows {
    const late = new BacklogRows();
    // Where all wait as long, these are all: the others need not be looked at, nor moved.
    for (let { first } = this; first !== undefined && first.expiresAt <= now; { first } = this) {
      late.push(first);
      this.shift();
    }
    if (this.expiresFrom <= now) this.#takeExpiredBetween(now, late);
    return late;
  }

  /** In place: of a million, objects and blocks made anew would hold the event loop up for a quarter of a second. */
  #takeExpiredBetween(now: number, late: BacklogRows): void {
    const before = late.bytes;
    let kept = 0;
    for (let index = 0; index < this.#length; index++) {
      if (this.#number(index, 3) <= now) late.push(this.#at(index));
      else this.#move(index, kept++);
    }
    this.#length = kept;
    this.#bytes -= late.bytes - before;
    this.#blocks.length = Math.ceil((this.#head + kept) / ROWS);
  }

  #move(from: number, to: number): void {
    const position = this.#head + to;
    const block = this.#blocks[Math.floor(position / ROWS)];
    if (block === undefined || from === to) return;
    const start = (position % ROWS) * WIDTH;
    for (let field = 0; field < WIDTH; field++) block[start + field] = this.#number(from, field);
  }

  *[Symbol.iterator](): Generator<BacklogRow> {
    for (let index = 0; index < this.#length; index++) yield this.#at(index);
  }

  #at(index: number): BacklogRow {
    return {
      sequence: this.#number(index, 0),
      size: this.#number(index, 1),
      acceptedAt: this.#number(index, 2),
      expiresAt: this.#number(index, 3),
    };
  }

  #number(index: number, field: number): number {
    const position = this.#head + index;
    return this.#blocks[Math.floor(position / ROWS)]?.[(position % ROWS) * WIDTH + field] ?? 0;
  }
}
