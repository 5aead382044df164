/** Messages whose end is remembered, to say why they cannot be acknowledged once more. */
const MOST_ENDED = 10_000;

/** Characters of a topic that are remembered with it: a topic of 64 KiB, whoever sends it, must not fill the memory. */
const LONGEST_TOPIC = 200;

/**
 * What became of the latest messages. Neither a `Map` nor an object for each: what comes and goes at that rate, and stays
 * for a while, is garbage that lives long (ADR 24).
 */
export class EndedHandles {
  readonly #numbers: number[] = [];
  readonly #topics: string[] = [];
  readonly #whys: string[] = [];
  #next = 0;
  #latestTopic = '';

  add(number: number, topic: string, why: string): void {
    const slot = this.#next;
    this.#next = (slot + 1) % MOST_ENDED;
    // Mostly it is the same as before, and then need not be kept once more.
    const short = shortened(topic);
    if (short !== this.#latestTopic) this.#latestTopic = short;
    this.#numbers[slot] = number;
    this.#topics[slot] = this.#latestTopic;
    this.#whys[slot] = why;
  }

  /** What follows the words "the message". */
  get(number: number): string | undefined {
    const slot = this.#numbers.indexOf(number);
    return slot === -1 ? undefined : `to ${this.#topics[slot]} ${this.#whys[slot]}`;
  }
}

/** A copy: a part of a text keeps the whole of it in memory. */
function shortened(topic: string): string {
  return topic.length <= LONGEST_TOPIC ? topic : Buffer.from(topic.slice(0, LONGEST_TOPIC)).toString();
}
