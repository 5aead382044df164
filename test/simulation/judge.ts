/** A promise of the client that did not hold. */
export interface Violation {
  /** A short constant name of the promise: shrinking keeps it. */
  readonly promise: string;
  readonly what: string;
  /** Milliseconds of virtual time. */
  readonly at: number;
}

/** Hears of everything that happens, keeps the first promise that was broken, and the trace if one is wanted. */
export class Judge {
  readonly lines: string[] = [];
  readonly tracing: boolean;
  now = 0;
  #broken: Violation | undefined;

  constructor(tracing: boolean) {
    this.tracing = tracing;
  }

  get broken(): Violation | undefined {
    return this.#broken;
  }

  violation(promise: string, what: string): void {
    if (this.#broken !== undefined) return;
    this.#broken = { promise, what, at: this.now };
    this.note(() => `!! ${promise}: ${what}`);
  }

  /** A line of the trace; its text is made only when somebody reads it. */
  note(text: () => string): void {
    if (this.tracing) this.lines.push(`${this.now.toFixed(0).padStart(7)} ms  ${text()}`);
  }
}
