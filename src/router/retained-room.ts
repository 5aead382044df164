import type { Clock } from '../util/clock.ts';
import type { RetainedWindow } from './retained-window.ts';

/** Topics of which the last message with the RETAIN flag is known; of others a copy may come twice after a SUBSCRIBE. */
export const MOST_CONTENTS_OF_ONE = 10_000;

/** The same over all filters. */
const MOST_CONTENTS = 100_000;

/** Topics of which it is known whether a message came since a SUBSCRIBE; of others each may be a live one. */
const MOST_TOPICS_OF_ONE = 10_000;

/** The same over all SUBSCRIBEs that may still bring something. */
const MOST_TOPICS = 100_000;

/** Characters of a topic that is noted: topics of 64 KiB, whoever sends them, must not fill the memory. */
const LONGEST_TOPIC = 512;

/** What the filters of a connection may note, all together, of what the Server retains. */
export class RetainedRoom {
  readonly #clock: Clock;
  /** In the order in which they were opened. */
  readonly #windows = new Set<RetainedWindow>();
  #topics = 0;
  /** Topics that were noted in all. */
  #noted = 0;
  #contents = 0;
  #came = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds since some fixed point. */
  get now(): number {
    return this.#clock.now();
  }

  /** Messages that may be what a SUBSCRIBE brought: of each topic the first, and what is sent again. */
  get came(): number {
    return this.#came;
  }

  /** One more of them. */
  count(): void {
    this.#came += 1;
  }

  /** Whether the content of a topic of which none is known may be kept; it is given back by {@link RetainedRoom.forget}. */
  takeContent(topic: string): boolean {
    if (this.#contents >= MOST_CONTENTS || topic.length > LONGEST_TOPIC) return false;
    this.#contents += 1;
    return true;
  }

  forget(contents: number): void {
    this.#contents -= contents;
  }

  open(window: RetainedWindow): void {
    this.#windows.add(window);
  }

  close(window: RetainedWindow): void {
    if (!this.#windows.delete(window)) return;
    this.#topics -= window.topics.size;
    window.end();
  }

  /** Its topics are not needed any more. */
  empty(window: RetainedWindow): void {
    this.#topics -= window.topics.size;
    window.forget();
  }

  /**
   * Notes that something came. True: it is the first on its topic. Where there is no room for the topic it is not: what is
   * retained may then come a second time, and no message is missed.
   */
  isFirst(topic: string, window: RetainedWindow): boolean {
    if (window.has(topic)) return false;
    if (!this.#hasRoom(topic, window)) {
      window.missed();
      return false;
    }
    this.#topics += 1;
    this.#noted += 1;
    window.note(topic, this.#noted);
    return true;
  }

  #hasRoom(topic: string, window: RetainedWindow): boolean {
    if (window.topics.size >= MOST_TOPICS_OF_ONE || topic.length > LONGEST_TOPIC) return false;
    return this.#topics < MOST_TOPICS || this.#endOldest(window);
  }

  /** What comes late by the oldest SUBSCRIBE is for all from now on. */
  #endOldest(spared: RetainedWindow): boolean {
    for (const oldest of this.#windows) {
      if (oldest === spared || oldest.topics.size === 0) continue;
      this.close(oldest);
      return true;
    }
    return false;
  }
}
