/** Work that is done one after the other in each lane, and side by side across lanes. */
export class Lanes {
  readonly #ends = new Map<string, Promise<void>>();
  readonly #failed: (error: unknown) => void;

  /** @param failed told what fails; what stands behind it in its lane goes on. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  add(lane: string, work: () => Promise<void>): void {
    const before = this.#ends.get(lane) ?? Promise.resolve();
    this.#ends.set(lane, before.then(work).catch(this.#failed));
  }

  /** Resolves when all that was added is through. */
  async idle(): Promise<void> {
    await Promise.all(this.#ends.values());
  }
}
