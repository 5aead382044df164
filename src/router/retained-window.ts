import type { Seat, Withheld } from './seat.ts';

/** What one SUBSCRIBE brings of what the Server retains: for whom it is not, and what of it came. */
export class RetainedWindow {
  /** Of the SUBSCRIBE, if it has one. */
  readonly identifier: number | undefined;
  readonly rules: Map<Seat, Withheld>;
  /** The RETAIN flag alone tells that the Server retained a message: no live one has it. */
  readonly isSure: boolean;
  /** Topics of which any has come: one more on them is live, or another SUBSCRIBE's. */
  readonly topics: Set<string>;
  /** Topics of which a copy was withheld from a place that had it before. */
  readonly #again = new Map<Seat, Set<string>>();
  #isOver = false;

  /** @param topics of which any has come by it before. */
  constructor(
    identifier: number | undefined,
    rules: Map<Seat, Withheld>,
    isSure: boolean,
    topics: Iterable<string> = [],
  ) {
    this.topics = new Set(topics);
    this.isSure = isSure;
    this.identifier = identifier;
    this.rules = rules;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** It is not needed any more: from now on nothing is of it. */
  end(): void {
    this.#isOver = true;
    this.rules.clear();
    this.topics.clear();
    this.#again.clear();
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
    if (this.#isOver) return false;
    if (identifiers === undefined || identifiers.length === 0) return true;
    if (identifiers.length > 1) return false;
    return this.identifier === undefined || this.identifier === identifiers[0];
  }
}
