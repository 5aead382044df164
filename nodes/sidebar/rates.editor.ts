/** Samples that a line shows. */
const MOST = 60;

/** A rate, from a counter that is read now and then. */
export class Rate {
  readonly #values: number[] = [];
  #last: { readonly count: number; readonly at: number } | undefined;

  /** A second; undefined: it was read once only. */
  get now(): number | undefined {
    return this.#values.at(-1);
  }

  /** The last minute or so. */
  get values(): readonly number[] {
    return this.#values;
  }

  /** @param at milliseconds by the clock of whoever counts. */
  read(count: number, at: number): void {
    const last = this.#last;
    if (last !== undefined && at <= last.at) return;
    this.#last = { count, at };
    // A counter that went back is another one: Node-RED was restarted, or the connection made anew.
    if (last === undefined || count < last.count) return;
    this.#values.push(((count - last.count) * 1000) / (at - last.at));
    if (this.#values.length > MOST) this.#values.shift();
  }
}
