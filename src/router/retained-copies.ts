import { createHash } from 'node:crypto';
import type { PublishPacket } from '../protocol/packet.ts';

/** Characters of a content that are kept as they are; of a longer one a digest is. */
const LONGEST_CONTENT = 128;

/** Characters of a topic that is noted: topics of 64 KiB, whoever sends them, must not fill the memory. */
const LONGEST_TOPIC = 512;

/** Topics that may still be noted, over all filters of a connection. */
export interface Room {
  left: number;
}

/** Topics of which it is known whether a message came since the SUBSCRIBE; of others each may be a live one. */
const MOST_TOPICS = 10_000;

/** What a message with the RETAIN flag is since the last SUBSCRIBE; neither: one more, which is live. */
export interface RetainedCopy {
  /** The first on its topic. */
  readonly first: boolean;
  /** What came last on its topic once more. */
  readonly repeated: boolean;
}

/**
 * The last message with the RETAIN flag that came by a filter, by topic. With Retain As Published a live message has the
 * flag too: this tells one from the copy that a SUBSCRIBE for somebody else's sake brings once more (3.3.1.3).
 */
export class RetainedCopies {
  readonly #room: Room;
  readonly #contents = new Map<string, string>();
  /** Topics whose copy has come since the SUBSCRIBE: one like it after that is a live message. */
  readonly #come = new Set<string>();
  /** Topics of which any has come since; undefined: nobody asks. */
  #topics: Set<string> | undefined;

  constructor(room: Room) {
    this.#room = room;
  }

  /**
   * A SUBSCRIBE was sent: of each topic one copy may come again.
   * @param firsts whether the first message of each topic is to be told.
   */
  expect(firsts: boolean = false): void {
    this.#come.clear();
    this.#topics = firsts ? new Set() : undefined;
  }

  note(packet: PublishPacket): RetainedCopy {
    return { first: this.#isFirst(packet.topic), repeated: this.#isRepeated(packet) };
  }

  #isFirst(topic: string): boolean {
    const topics = this.#topics;
    if (topics === undefined || topics.has(topic)) return false;
    if (topics.size >= MOST_TOPICS || topic.length > LONGEST_TOPIC) return false;
    topics.add(topic);
    return true;
  }

  /** It is what came last on its topic, for the first time since `expect`. */
  #isRepeated(packet: PublishPacket): boolean {
    const { topic } = packet;
    const content = contentOf(packet);
    const last = this.#contents.get(topic);
    if (last !== content) return this.#keep(topic, content, last === undefined);
    if (this.#come.has(topic)) return false;
    this.#come.add(topic);
    return true;
  }

  clear(): void {
    this.#room.left += this.#contents.size;
    this.#contents.clear();
    this.expect();
  }

  /** Without room a topic is not noted: its copy then comes a second time, and no message is missed. */
  #keep(topic: string, content: string, isNew: boolean): false {
    if (isNew) {
      if (this.#room.left === 0 || topic.length > LONGEST_TOPIC) return false;
      this.#room.left -= 1;
    }
    this.#contents.set(topic, content);
    return false;
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
