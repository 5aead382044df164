import type { Outgoing } from '../session/outgoing.ts';
import type { Clock, Timer } from '../util/clock.ts';

/** Ends messages when they expire, and not only when their turn comes: also while there is no connection. */
export class Expiry {
  readonly #clock: Clock;
  readonly #outgoing: Outgoing;
  #armed: { readonly at: number; readonly timer: Timer } | undefined;

  constructor(clock: Clock, outgoing: Outgoing) {
    this.#clock = clock;
    this.#outgoing = outgoing;
  }

  /** A message came, or several, which may expire. */
  arm(): void {
    const at = this.#outgoing.expiryDeadline;
    if (at >= (this.#armed?.at ?? Infinity)) return;
    this.#armed?.timer.cancel();
    this.#armed = { at, timer: this.#clock.timer(Math.max(0, at - this.#clock.now()), () => this.#due()) };
  }

  end(): void {
    this.#armed?.timer.cancel();
    this.#armed = undefined;
  }

  #due(): void {
    // A timer may fire a moment early: then it is armed again.
    this.#armed = undefined;
    this.#outgoing.dropExpired(this.#clock.now());
    this.arm();
  }
}
