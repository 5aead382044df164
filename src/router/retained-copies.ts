import { createHash } from 'node:crypto';
import type { PublishPacket } from '../protocol/packet.ts';
import { LateMap } from '../util/late-map.ts';
import { MOST_CONTENTS_OF_ONE, type RetainedRoom } from './retained-room.ts';
import type { RetainedWindow } from './retained-window.ts';
import type { Seat, Withheld } from './seat.ts';

/** Characters of a content that are kept as they are; of a longer one a digest is. */
const LONGEST_CONTENT = 128;

/** Windows of which nothing is withheld that are kept; and all that are. */
const MOST_IDLE = 8;
const MOST_WINDOWS = 32;

/** What came last on a topic. */
interface Content {
  readonly text: string;
  /** From then on the Server retains it no more (3.3.2.3.3): what is like it is live. */
  expires: number;
}

/**
 * Which windows somebody wants nothing of who comes while they are there: before MQTT 5 of any; those of which identifier
 * and flag tell what is retained; or the others as well, whose end is waited for.
 */
export type Refrained = 'any' | 'told' | 'open';

/** What a message with the RETAIN flag is in the window of a SUBSCRIBE; neither: one more, which is live. */
export interface RetainedCopy {
  /** What of the window is not for whom. */
  readonly rules: ReadonlyMap<Seat, Withheld>;
  /** The first on its topic. */
  readonly first: boolean;
  /** The first on its topic, and what came last on that before: one more like it is live. */
  readonly repeated: boolean;
  /** Whether it is that once more, for the first time, for a place that had it by another SUBSCRIBE or from the session. */
  readonly isAgainFor: (seat: Seat) => boolean;
}

/**
 * The last message with the RETAIN flag that came by a filter, by topic. With Retain As Published a live message has the
 * flag too: this tells one from the copy that a SUBSCRIBE for somebody else's sake brings once more (3.3.1.3).
 */
export class RetainedCopies {
  readonly #room: RetainedRoom;
  readonly #contents = new LateMap<string, Content>();
  #windows: RetainedWindow[] = [];

  constructor(room: RetainedRoom) {
    this.#room = room;
  }

  /** In place of one with the same identifier, which without identifiers is the one before. */
  open(window: RetainedWindow): void {
    this.close(window.identifier);
    // Of those that withhold nothing few are enough, to count what comes.
    const idle = this.#windows.filter(({ rules }) => rules.size === 0).slice(0, -MOST_IDLE);
    this.#room.open(window);
    this.#windows.push(window);
    this.#keep(this.#windows.filter((other) => !idle.includes(other)).slice(-MOST_WINDOWS));
  }

  /** All has come for which nobody was withheld anything: what comes late of it is known where the flag tells. */
  end(): void {
    this.#keep(this.#windows.filter(({ rules, isSure }) => isSure || rules.size > 0));
    for (const window of this.#windows) if (window.rules.size === 0) this.#room.empty(window);
  }

  close(identifier: number | undefined): void {
    this.#keep(this.#windows.filter((window) => window.identifier !== identifier));
  }

  closeAll(): void {
    this.#keep([]);
  }

  windowOf(identifier: number | undefined): RetainedWindow | undefined {
    return this.#windows.find((window) => window.identifier === identifier && !window.isOver);
  }

  /** What windows bring is not for the place either. */
  refrain(seat: Seat, which: Refrained): void {
    for (const { rules, isSure, identifier, isOver } of this.#windows) {
      if (isOver) continue;
      if (which === 'any') rules.set(seat, 'all');
      else if (which === 'open') rules.set(seat, isSure ? 'first' : 'repeated');
      // Without an identifier a window outlives what it knows of the flag.
      else if (isSure && identifier !== undefined) rules.set(seat, 'first');
    }
  }

  /** Nobody sits there any more. */
  leave(seat: Seat): void {
    for (const window of this.#windows) window.leave(seat);
  }

  /** Notes a message; undefined: it belongs to no window. */
  note(packet: PublishPacket): RetainedCopy | undefined {
    const isKnown = this.#repeatsLast(packet);
    const { topic, properties, dup } = packet;
    const window = this.#windows.find((one) => one.isOf(properties?.subscriptionIdentifiers));
    if (window === undefined) return dup ? this.#ofBefore(topic, isKnown) : undefined;
    // One that is sent again is none of those that a SUBSCRIBE of now brings.
    const first = !dup && this.#room.isFirst(topic, window);
    if (first || dup) this.#room.count();
    if (window.rules.size === 0) return undefined;
    const isTold = window.isToldBy(properties?.subscriptionIdentifiers);
    // With the identifier of the SUBSCRIBE the first of a topic is what it brings; where the flag does not tell, nothing does.
    const isCopyFor = (seat: Seat): boolean =>
      window.isSure || (!dup && (isTold ? first : window.isFirstFor(seat, topic)));
    const isAgainFor = (seat: Seat): boolean => isKnown && seat.hadRetained(topic) && isCopyFor(seat);
    return { rules: window.rules, first, repeated: first && isKnown, isAgainFor };
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
    if (this.#contents.delete(topic)) this.#room.forget(1);
  }

  clear(): void {
    this.closeAll();
    this.#room.forget(this.#contents.size);
    this.#contents.clear();
  }

  #keep(windows: RetainedWindow[]): void {
    for (const window of this.#windows) if (!windows.includes(window)) this.#room.close(window);
    this.#windows = windows;
  }

  /**
   * True: it is what came last on its topic. Without room a topic is not noted: its copy then comes a second time, and no
   * message is missed.
   */
  #repeatsLast(packet: PublishPacket): boolean {
    const { topic, properties } = packet;
    const text = contentOf(packet);
    const expires = this.#expiryOf(properties?.messageExpiryInterval);
    const last = this.#contents.get(topic);
    if (last?.text === text) {
      const isRetained = last.expires === Infinity || this.#room.now < last.expires;
      last.expires = expires;
      return isRetained;
    }
    if (last !== undefined || this.#hasRoomFor(topic)) this.#contents.set(topic, { text, expires });
    return false;
  }

  #hasRoomFor(topic: string): boolean {
    return this.#contents.size < MOST_CONTENTS_OF_ONE && this.#room.takeContent(topic);
  }

  /** @param interval seconds */
  #expiryOf(interval: number | undefined): number {
    return interval === undefined ? Infinity : this.#room.now + interval * 1000;
  }
}

/** What two copies of one publication have in common; the Message Expiry Interval counts down (3.3.2.3.3). */
function contentOf({ payload, properties }: PublishPacket): string {
  const { payloadFormatIndicator, responseTopic, correlationData, userProperties, contentType } = properties ?? {};
  const described = [payloadFormatIndicator, responseTopic, correlationData, userProperties, contentType];
  const extras = described.every((value) => value === undefined) ? '' : JSON.stringify(described);
  if (payload.length + extras.length <= LONGEST_CONTENT) return `${payload.toString('latin1')} ${extras}`;
  return createHash('sha256').update(`${payload.length} ${extras}`).update(payload).digest('base64');
}
