import type { Seat, Withheld } from './seat.ts';

/** What one SUBSCRIBE brings of what the Server retains: for whom it is not, and what of it came. */
export class RetainedWindow {
  /** Of the SUBSCRIBE, if it has one. */
  readonly identifier: number | undefined;
  readonly rules: Map<Seat, Withheld>;
  /** The RETAIN flag alone tells that the Server retained a message: no live one has it. */
  readonly isSure: boolean;
  /** Topics of which any has come, and when: one more on them is live, or another SUBSCRIBE's. */
  readonly topics = new Map<string, number>();
  /** Of the filter that was asked for in place of this one: what had come by it until now. Where that is told, nobody asks. */
  readonly #before: { readonly cover: RetainedWindow; readonly upTo: number } | undefined;
  /** Topics of which a copy was withheld from a place that had it before. */
  readonly #again = new Map<Seat, Set<string>>();
  /** When the last of the topics was noted. */
  #latest = 0;
  /** Whether the topics are all of which any has come. */
  #knowsTopics = true;
  #isOver = false;

  /** @param cover of the filter that was asked for in place of this one, by which some may have come already. */
  constructor(identifier: number | undefined, rules: Map<Seat, Withheld>, isSure: boolean, cover?: RetainedWindow) {
    const isTold = isSure && identifier !== undefined;
    this.#before = cover === undefined || isTold ? undefined : { cover, upTo: cover.#latest };
    this.isSure = isSure;
    this.identifier = identifier;
    this.rules = rules;
  }

  /** Whether any has come on the topic, or may have before it took the place of another. */
  has(topic: string): boolean {
    return this.topics.has(topic) || this.#mayHaveHad(topic);
  }

  /** The first on a topic has come. @param number rises with each, in whichever window. */
  note(topic: string, number: number): void {
    this.topics.set(topic, number);
    this.#latest = number;
  }

  #mayHaveHad(topic: string): boolean {
    if (this.#before === undefined) return false;
    const { cover, upTo } = this.#before;
    return !cover.#knowsTopics || (cover.topics.get(topic) ?? Infinity) <= upTo || cover.#mayHaveHad(topic);
  }

  /** Some has come on a topic that is not noted. */
  missed(): void {
    this.#knowsTopics = false;
  }

  /** Its topics are not needed any more. */
  forget(): void {
    this.#knowsTopics = false;
    this.topics.clear();
  }

  /** Nobody sits there any more. */
  leave(seat: Seat): void {
    this.rules.delete(seat);
    this.#again.delete(seat);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** It is not needed any more: from now on nothing is of it. */
  end(): void {
    this.#isOver = true;
    this.rules.clear();
    this.forget();
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
