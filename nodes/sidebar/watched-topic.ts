/** Bytes of a value that a person looks at, numbers that are remembered, and the longest text that is one. */
const MOST_BYTES = 65_536;
const MOST_NUMBERS = 120;
const LONGEST_NUMBER = 32;

const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;

/** More of the one topic that a person looks at, from then on. */
export class Watched {
  /** Its place in the tree. */
  readonly level: number;
  #payload: Buffer | undefined;
  readonly #numbers: number[] = [];

  constructor(level: number) {
    this.level = level;
  }

  /** undefined: nothing came since. */
  get payload(): Buffer | undefined {
    return this.#payload;
  }

  get numbers(): readonly number[] {
    return this.#numbers;
  }

  take(payload: Buffer): void {
    this.#payload = Buffer.from(payload.subarray(0, MOST_BYTES));
    const number = numberIn(payload);
    if (number === undefined) return;
    this.#numbers.push(number);
    if (this.#numbers.length > MOST_NUMBERS) this.#numbers.shift();
  }
}

function numberIn(payload: Buffer): number | undefined {
  if (payload.length === 0 || payload.length > LONGEST_NUMBER) return undefined;
  const text = payload.toString('latin1');
  const number = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}
