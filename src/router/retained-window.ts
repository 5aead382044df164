import type { Seat, Withheld } from './seat.ts';

/** What one SUBSCRIBE brings of what the Server retains: for whom it is not, and what of it came. */
export class RetainedWindow {
  /** Of the SUBSCRIBE, if it has one. */
  readonly identifier: number | undefined;
  readonly rules: Map<Seat, Withheld>;
  /** The RETAIN flag alone tells that the Server retained a message: no live one has it. */
  readonly isSure: boolean;
  /** Topics of which any has come. */
  readonly topics = new Set<string>();
  /** Topics of which what came last before has come once more: one like it after that is live. */
  readonly repeated = new Set<string>();
  /** Topics of which a copy was withheld from a place that had it before. */
  readonly #again = new Map<Seat, Set<string>>();

  constructor(identifier: number | undefined, rules: Map<Seat, Withheld>, isSure: boolean) {
    this.isSure = isSure;
    this.identifier = identifier;
    this.rules = rules;
  }

  /** Whether it is the first of the topic that is withheld from the place because it had it before: the next may be live. */
  isFirstFor(seat: Seat, topic: string): boolean {
    const topics = this.#again.get(seat) ?? new Set<string>();
    this.#again.set(seat, topics);
    if (topics.has(topic)) return false;
    topics.add(topic);
    return true;
  }

  /** Whether a copy with these identifiers came by that SUBSCRIBE or a live subscription, and not by an earlier one. */
  isToldBy(identifiers: readonly number[] | undefined): boolean {
    return this.identifier !== undefined && identifiers?.[0] === this.identifier;
  }

  /** Whether a copy may be what that SUBSCRIBE brings. What comes for several filters is live. */
  isOf(identifiers: readonly number[] | undefined): boolean {
    if (identifiers === undefined || identifiers.length === 0) return true;
    if (identifiers.length > 1) return false;
    return this.identifier === undefined || this.identifier === identifiers[0];
  }
}
