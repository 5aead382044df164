import type { Receiver } from '../router/router.ts';
import type { Clock, Timer } from '../util/clock.ts';

/** Milliseconds that a deploy may take: Node-RED gives each node 15 s to close. */
const LONGEST_DEPLOY = 30_000;

/** How far a deploy is: none, receivers go, or receivers are being made. */
type Phase = 'none' | 'going' | 'coming';

/**
 * A deploy, from the first receiver that goes to the last that is there. What is subscribed while receivers are being made
 * counts from its end: one of them would pass its messages on to others that do not exist yet.
 */
export class Deploy {
  readonly #clock: Clock;
  readonly #ended: () => void;
  /** What waits for the end, by receiver and filter: the last word counts. */
  readonly #waiting = new Map<Receiver, Map<string, () => void>>();
  #phase: Phase = 'none';
  #timer: Timer | undefined;

  /** @param ended called when a deploy did not end in time. */
  constructor(clock: Clock, ended: () => void) {
    this.#clock = clock;
    this.#ended = ended;
  }

  /** A receiver goes. */
  goes(): void {
    if (this.#phase === 'none') this.#phase = 'going';
    this.#arm();
  }

  /** Receivers are being made. */
  comes(): void {
    this.#phase = 'coming';
    this.#arm();
  }

  /** Runs `subscribe` now, or at the end of the deploy that makes receivers. */
  whenOver(receiver: Receiver, filter: string, subscribe: () => void): void {
    if (this.#phase !== 'coming') return subscribe();
    const own = this.#waiting.get(receiver) ?? new Map<string, () => void>();
    this.#waiting.set(receiver, own.set(filter, subscribe));
  }

  /** What the receiver wanted of the filter and still waits is not wanted any more. */
  takeBack(receiver: Receiver, filter: string): void {
    const own = this.#waiting.get(receiver);
    own?.delete(filter);
    if (own?.size === 0) this.#waiting.delete(receiver);
  }

  /** It will not end any more: nothing that it wanted is subscribed. */
  abandon(): void {
    this.#stop();
    this.#waiting.clear();
  }

  /** All that was subscribed meanwhile counts from now on. */
  end(): void {
    this.#stop();
    const waiting = [...this.#waiting.values()].flatMap((own) => [...own.values()]);
    this.#waiting.clear();
    for (const subscribe of waiting) subscribe();
  }

  #arm(): void {
    this.#timer ??= this.#clock.timer(LONGEST_DEPLOY, this.#ended);
  }

  #stop(): void {
    this.#phase = 'none';
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
