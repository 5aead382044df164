/** Counts values by their size, in fixed ranges: what comes often is to cost next to nothing. */
export class Histogram {
  /** The upper ends of the ranges, rising; what is above all of them has a range of its own. */
  readonly bounds: readonly number[];
  /** How many there were in each range, that of the largest last. */
  readonly counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = [...bounds.map(() => 0), 0];
  }

  /** Of all values. */
  get sum(): number {
    return this.#sum;
  }

  count(value: number): void {
    const { bounds, counts } = this;
    let range = 0;
    // Most values are small.
    while (range < bounds.length && value > (bounds[range] ?? 0)) range += 1;
    counts[range] = (counts[range] ?? 0) + 1;
    this.#sum += value;
  }
}
