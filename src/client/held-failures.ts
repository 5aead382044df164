import type { MqttError } from '../protocol/errors.ts';
import { listenerFailed } from '../session/undelivered.ts';
import type { Failing } from '../store/session-store.ts';
import type { Clock } from '../util/clock.ts';

/**
 * Tells who gave a message that it failed. What a message brings about that is being accepted, because it takes another
 * one's place, is told when it has that: whoever is told may publish, and that comes behind it. Should that take another
 * one's place again, it is told in a later turn: two that publish for one another must not hold up everybody.
 */
export class HeldFailures {
  readonly #failing: Failing;
  readonly #report: (notice: MqttError) => void;
  readonly #clock: Clock;
  #held: (() => void)[] = [];
  readonly #later: (() => void)[] = [];
  #holds = false;
  #tells = false;

  constructor(failing: Failing, report: (notice: MqttError) => void, clock: Clock) {
    this.#failing = failing;
    this.#report = report;
    this.#clock = clock;
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
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    // In their order: behind those that wait for a later turn.
    if (this.#tells || this.#later.length > 0) this.#tellLater(held);
    else this.#tellAll(held);
  }

  #tellLater(held: readonly (() => void)[]): void {
    if (this.#later.length === 0) this.#clock.afterIo(() => this.#tellAll(this.#later.splice(0)));
    this.#later.push(...held);
  }

  #tellAll(held: readonly (() => void)[]): void {
    this.#tells = true;
    for (const tell of held) this.#tellOne(tell);
    this.#tells = false;
  }

  /** What a listener throws is not for who publishes. */
  #tellOne(tell: () => void): void {
    try {
      this.#failing(tell);
    } catch (error) {
      this.#report(listenerFailed(error));
    }
  }
}
