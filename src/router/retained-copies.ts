import { createHash } from 'node:crypto';
import type { PublishPacket } from '../protocol/packet.ts';
import type { RetainedWindow } from './retained-window.ts';
import type { Seat, Withheld } from './seat.ts';

/** Characters of a content that are kept as they are; of a longer one a digest is. */
const LONGEST_CONTENT = 128;

/** Characters of a topic that is noted: topics of 64 KiB, whoever sends them, must not fill the memory. */
const LONGEST_TOPIC = 512;

/** Over all filters of a connection. */
export interface Room {
  /** Topics that may still be noted. */
  left: number;
  /** Messages that may be what a SUBSCRIBE brought of what the Server retains. */
  came: number;
}

/** Windows of which nothing is withheld that are kept; and all that are. */
const MOST_IDLE = 8;
const MOST_WINDOWS = 32;

/** Topics of which it is known whether a message came since the SUBSCRIBE; of others each may be a live one. */
const MOST_TOPICS = 10_000;

/** What a message with the RETAIN flag is in the window of a SUBSCRIBE; neither: one more, which is live. */
export interface RetainedCopy {
  /** What of the window is not for whom. */
  readonly rules: ReadonlyMap<Seat, Withheld>;
  /** The first on its topic. */
  readonly first: boolean;
  /** What came last on its topic once more. */
  readonly repeated: boolean;
  /** Whether it is that once more, for the first time, for a place that had it by another SUBSCRIBE or from the session. */
  readonly isAgainFor: (seat: Seat) => boolean;
}

/**
 * The last message with the RETAIN flag that came by a filter, by topic. With Retain As Published a live message has the
 * flag too: this tells one from the copy that a SUBSCRIBE for somebody else's sake brings once more (3.3.1.3).
 */
export class RetainedCopies {
  readonly #room: Room;
  readonly #contents = new Map<string, string>();
  #windows: readonly RetainedWindow[] = [];

  constructor(room: Room) {
    this.#room = room;
  }

  /** In place of one with the same identifier, which without identifiers is the one before. */
  open(window: RetainedWindow): void {
    this.close(window.identifier);
    // Of those that withhold nothing few are enough, to count what comes.
    const idle = this.#windows.filter(({ rules }) => rules.size === 0).slice(0, -MOST_IDLE);
    this.#windows = [...this.#windows.filter((other) => !idle.includes(other)), window].slice(-MOST_WINDOWS);
  }

  close(identifier: number | undefined): void {
    this.#windows = this.#windows.filter((window) => window.identifier !== identifier);
  }

  closeAll(): void {
    this.#windows = [];
  }

  /** What any window brings is not for the place either. */
  refrain(seat: Seat, rule: Withheld): void {
    for (const { rules } of this.#windows) rules.set(seat, rule);
  }

  /** Notes a message; undefined: it belongs to no window. */
  note(packet: PublishPacket): RetainedCopy | undefined {
    const isKnown = this.#keep(packet);
    const { topic, properties, dup } = packet;
    const window = this.#windows.find((one) => one.isOf(properties?.subscriptionIdentifiers));
    if (window === undefined) return dup ? this.#ofBefore(topic, isKnown) : undefined;
    if (window.rules.size === 0) {
      this.#room.came += 1;
      return undefined;
    }
    // One that is sent again is none of those that a SUBSCRIBE of now brings.
    const first = !dup && isFirst(topic, window.topics);
    const repeated = isKnown && isNew(topic, window.repeated);
    if (first || repeated || dup) this.#room.came += 1;
    const isTold = window.isToldBy(properties?.subscriptionIdentifiers);
    // With the identifier of the SUBSCRIBE the first of a topic is what it brings; where the flag does not tell, nothing does.
    const isCopyFor = (seat: Seat): boolean =>
      window.isSure || (!dup && (isTold ? first : window.isFirstFor(seat, topic)));
    const isAgainFor = (seat: Seat): boolean => isKnown && seat.hadRetained(topic) && isCopyFor(seat);
    return { rules: window.rules, first, repeated, isAgainFor };
  }

  /** What an earlier SUBSCRIBE brought is sent again: not for a place that has it, and awaits the rest. */
  #ofBefore(topic: string, isKnown: boolean): RetainedCopy | undefined {
    const window = this.#windows.find(({ rules, isSure }) => isSure && rules.size > 0);
    if (window === undefined) return undefined;
    const isAgainFor = (seat: Seat): boolean => isKnown && seat.hadRetained(topic);
    return { rules: window.rules, first: false, repeated: false, isAgainFor };
  }

  /** What came last on the topic is not known any more. */
  forget(topic: string): void {
    if (this.#contents.delete(topic)) this.#room.left += 1;
  }

  clear(): void {
    this.#room.left += this.#contents.size;
    this.#contents.clear();
  }

  /**
   * True: it is what came last on its topic. Without room a topic is not noted: its copy then comes a second time, and no
   * message is missed.
   */
  #keep(packet: PublishPacket): boolean {
    const { topic } = packet;
    const content = contentOf(packet);
    const last = this.#contents.get(topic);
    if (last === content) return true;
    if (last === undefined) {
      if (this.#room.left === 0 || topic.length > LONGEST_TOPIC) return false;
      this.#room.left -= 1;
    }
    this.#contents.set(topic, content);
    return false;
  }
}

function isFirst(topic: string, topics: Set<string>): boolean {
  if (topics.size >= MOST_TOPICS || topic.length > LONGEST_TOPIC) return false;
  return isNew(topic, topics);
}

function isNew(topic: string, topics: Set<string>): boolean {
  if (topics.has(topic)) return false;
  topics.add(topic);
  return true;
}

/** What two copies of one publication have in common; the Message Expiry Interval counts down (3.3.2.3.3). */
function contentOf({ payload, properties }: PublishPacket): string {
  const { payloadFormatIndicator, responseTopic, correlationData, userProperties, contentType } = properties ?? {};
  const described = [payloadFormatIndicator, responseTopic, correlationData, userProperties, contentType];
  const extras = described.every((value) => value === undefined) ? '' : JSON.stringify(described);
  if (payload.length + extras.length <= LONGEST_CONTENT) return `${payload.toString('latin1')} ${extras}`;
  return createHash('sha256').update(`${payload.length} ${extras}`).update(payload).digest('base64');
}
