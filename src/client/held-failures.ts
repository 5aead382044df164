import { MqttError, textOf } from '../protocol/errors.ts';
import type { Failing } from '../store/session-store.ts';

/**
 * Tells who gave a message that it failed. What a message brings about that is being accepted, because it takes another
 * one's place, is told when it has that: whoever is told may publish, and that comes behind it.
 */
export class HeldFailures {
  readonly #failing: Failing;
  readonly #report: (notice: MqttError) => void;
  readonly #held: (() => void)[] = [];
  #holds = false;

  constructor(failing: Failing, report: (notice: MqttError) => void) {
    this.#failing = failing;
    this.#report = report;
  }

  readonly tell: Failing = (tell) => {
    if (this.#holds) this.#held.push(tell);
    else this.#failing(tell);
  };

  /** From now on they wait. */
  hold(): void {
    this.#holds = true;
  }

  release(): void {
    this.#holds = false;
    if (this.#held.length > 0) for (const tell of this.#held.splice(0)) this.#tellLate(tell);
  }

  /** What a listener throws is not for who publishes. */
  #tellLate(tell: () => void): void {
    try {
      this.#failing(tell);
    } catch (error) {
      const text = `whoever was told the outcome of a message failed: ${textOf(error)}`;
      this.#report(new MqttError('invalid-message', text, { cause: error }));
    }
  }
}
