import {
  type Message,
  type MessageProperties,
  type PacketId,
  payloadBytes,
  type QoS,
  type SubscriptionOptions,
} from '../protocol/packet.ts';
import { parseTopicFilter, type TopicFilter } from '../protocol/topic.ts';
import { crc32, crc32Of } from '../util/crc32.ts';
import {
  LONGEST_NOTE,
  type OutgoingState,
  type SessionIdentity,
  type StoredSubscription,
  type StoredWish,
} from './session-store.ts';

/** The first byte of a message's record. */
const MESSAGE_VERSION = 3;

/** Of a wish. */
const WISH_VERSION = 1;

const TOPIC_START = 10;

const CHECK_BYTES = 4;

/** What is behind the topic and in front of the payload, as JSON; most messages have nothing of it. */
interface Extras {
  readonly properties?: Omit<MessageProperties, 'correlationData'>;
  /** Base64. */
  readonly correlationData?: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/** A message as a disk has it. */
export interface MessageRecord {
  readonly message: Message;
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number;
  /** When it is not sent any more, in milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
}

/** The same with its times so many milliseconds later: those of a process mean nothing to the next one, unless the wall is added. */
export function later({ message, acceptedAt, expiresAt }: MessageRecord, by: number): MessageRecord {
  return { message, acceptedAt: acceptedAt + by, expiresAt: expiresAt === undefined ? undefined : expiresAt + by };
}

/** A record cannot be read: it was cut off, changed, or written by a later version. */
export class UnreadableRecord extends Error {}

/**
 * One byte of version, one of flags (QoS, and RETAIN at 4), six of the time, two of the topic's length, the topic, four of
 * the length of what there is besides, that as JSON, the payload, four of the CRC-32 of all that: a disk may change a bit.
 */
export function encodeMessage(record: MessageRecord): Buffer {
  const extras = extrasText(record);
  const encoded = Buffer.allocUnsafe(recordSize(record, extras));
  encodeInto(encoded, 0, record, extras);
  return encoded;
}

/** What of a record is JSON; most have nothing of it. */
export function extrasText({ message: { properties }, expiresAt }: MessageRecord): string {
  return properties === undefined && expiresAt === undefined ? '' : JSON.stringify(extrasOf(properties, expiresAt));
}

/** Bytes of {@link encodeMessage}. @param extras {@link extrasText} of it. */
export function recordSize({ message: { topic, payload } }: MessageRecord, extras: string): number {
  return TOPIC_START + Buffer.byteLength(topic) + 4 + Buffer.byteLength(extras) + payloadBytes(payload) + CHECK_BYTES;
}

/** Writes {@link encodeMessage} into `target`, which has room for it from `start` on; so nothing is made for each message. @returns where it ends. */
export function encodeInto(
  target: Buffer,
  start: number,
  { message: { topic, payload, qos, retain }, acceptedAt }: MessageRecord,
  extras: string,
): number {
  target[start] = MESSAGE_VERSION;
  target[start + 1] = qos | (retain ? 4 : 0);
  target.writeUIntBE(Math.max(0, Math.round(acceptedAt)), start + 2, 6);
  const topicBytes = target.write(topic, start + TOPIC_START);
  target.writeUInt16BE(topicBytes, start + 8);
  const topicEnd = start + TOPIC_START + topicBytes;
  const extrasBytes = extras === '' ? 0 : target.write(extras, topicEnd + 4);
  target.writeUInt32BE(extrasBytes, topicEnd);
  const payloadStart = topicEnd + 4 + extrasBytes;
  const written =
    typeof payload === 'string' ? target.write(payload, payloadStart) : payload.copy(target, payloadStart);
  const payloadEnd = payloadStart + written;
  target.writeInt32BE(crc32Of(target, start, payloadEnd), payloadEnd);
  return payloadEnd + CHECK_BYTES;
}

/** @throws {UnreadableRecord} */
export function decodeMessage(checked: Buffer): MessageRecord {
  if (checked[0] !== MESSAGE_VERSION) throw new UnreadableRecord(`a message of version ${checked[0] ?? 'nothing'}`);
  const record = checked.subarray(0, Math.max(0, checked.length - CHECK_BYTES));
  if (record.length === 0 || crc32(record) !== checked.readInt32BE(record.length)) {
    throw new UnreadableRecord('a message that is not as it was written');
  }
  const flags = record[1] ?? 0xff;
  const qos = flags & 3;
  if (flags > 7 || qos === 3) throw new UnreadableRecord(`a message with the flags ${flags}`);
  const topicEnd = end(record, TOPIC_START, record.length >= TOPIC_START ? record.readUInt16BE(8) : 0);
  const extrasStart = end(record, topicEnd, 4);
  const extrasEnd = end(record, extrasStart, record.readUInt32BE(topicEnd));
  const extras = extrasEnd === extrasStart ? {} : (parse(record.toString('utf8', extrasStart, extrasEnd)) as Extras);
  const message: Message = {
    topic: record.toString('utf8', TOPIC_START, topicEnd) as Message['topic'],
    payload: Buffer.from(record.subarray(extrasEnd)),
    qos: qos as QoS,
    retain: (flags & 4) !== 0,
    properties: propertiesOf(extras),
  };
  const expiresAt = typeof extras.expiresAt === 'number' ? extras.expiresAt : undefined;
  return { message, acceptedAt: record.readUIntBE(2, 6), expiresAt };
}

export function encodeState(state: OutgoingState): string {
  return JSON.stringify(state);
}

/** @throws {UnreadableRecord} */
export function decodeState(text: string): OutgoingState {
  const state = parse(text) as Partial<Record<string, unknown>>;
  const { step, packetId, order, doubtful } = state;
  const isId = typeof packetId === 'number' && packetId > 0 && packetId <= 0xffff;
  if (step === 'queued') return { step };
  if (step === 'published' && isId) return { step, packetId: packetId as PacketId };
  if (!isId || typeof order !== 'number') throw new UnreadableRecord(`a state ${text.slice(0, 100)}`);
  if (step === 'abandoned') return { step, packetId: packetId as PacketId, order };
  if (step !== 'released') throw new UnreadableRecord(`a state ${text.slice(0, 100)}`);
  return { step, packetId: packetId as PacketId, order, ...(doubtful === true && { doubtful }) };
}

export function encodeIdentity(identity: SessionIdentity): string {
  return JSON.stringify(identity);
}

/** @throws {UnreadableRecord} */
export function decodeIdentity(text: string): SessionIdentity {
  const { server, clientId, unanswered } = parse(text) as Partial<SessionIdentity>;
  if (typeof server !== 'string' || typeof clientId !== 'string') throw new UnreadableRecord('an identity');
  return { server, clientId, unanswered: unanswered === true };
}

export function encodeSubscription({ filter: _filter, ...subscription }: StoredSubscription): string {
  return JSON.stringify(subscription);
}

/** @throws {UnreadableRecord} */
export function decodeSubscription(filter: string, text: string): StoredSubscription {
  const { identifier, options, granted, unanswered } = parse(text) as Partial<StoredSubscription>;
  if (!isOptions(options) || !isQos(granted)) throw new UnreadableRecord(`the subscription ${filter.slice(0, 100)}`);
  return {
    filter: filter as TopicFilter,
    identifier: typeof identifier === 'number' ? identifier : undefined,
    options,
    granted,
    ...((unanswered === 'subscribe' || unanswered === 'unsubscribe') && { unanswered }),
  };
}

export function encodeWish(wish: StoredWish): string {
  return JSON.stringify({ version: WISH_VERSION, ...wish });
}

/** @throws {UnreadableRecord} also where the filter breaks a rule of sections 4.7 and 4.8.2. */
export function decodeWish(text: string): StoredWish {
  const { version, ref, filter, options, note } = parse(text) as Partial<Record<string, unknown>>;
  if (version !== WISH_VERSION) throw new UnreadableRecord('a wish of another version');
  if (typeof ref !== 'string' || ref === '' || !isOptions(options)) throw new UnreadableRecord('a wish');
  if (typeof note !== 'string' || note.length > LONGEST_NOTE) throw new UnreadableRecord('the note of a wish');
  const { qos, noLocal, retainAsPublished, retainHandling } = options;
  return { ref, filter: filterOf(filter), options: { qos, noLocal, retainAsPublished, retainHandling }, note };
}

/** @throws {UnreadableRecord} */
function filterOf(value: unknown): TopicFilter {
  if (typeof value !== 'string') throw new UnreadableRecord('no filter');
  try {
    return parseTopicFilter(value);
  } catch (error) {
    throw new UnreadableRecord('a filter that breaks the rules', { cause: error });
  }
}

function extrasOf(properties: MessageProperties | undefined, expiresAt: number | undefined): Extras {
  const { correlationData, ...others } = properties ?? {};
  return {
    ...(properties !== undefined && { properties: others }),
    ...(correlationData !== undefined && { correlationData: correlationData.toString('base64') }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

/** @throws {UnreadableRecord} */
function propertiesOf({ properties, correlationData }: Extras): MessageProperties | undefined {
  if (properties === undefined) return undefined;
  const isText = correlationData === undefined || typeof correlationData === 'string';
  if (!isText || !areProperties(properties)) throw new UnreadableRecord('properties of a message');
  return {
    ...properties,
    ...(correlationData !== undefined && { correlationData: Buffer.from(correlationData, 'base64') }),
  };
}

function areProperties(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const one = value as Partial<Record<string, unknown>>;
  const is = (name: string, type: string): boolean => one[name] === undefined || typeof one[name] === type;
  const texts = ['responseTopic', 'contentType'].every((name) => is(name, 'string'));
  return (
    texts &&
    is('payloadFormatIndicator', 'boolean') &&
    is('messageExpiryInterval', 'number') &&
    arePairs(one['userProperties'])
  );
}

function arePairs(value: unknown): boolean {
  if (value === undefined) return true;
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string');
  return Array.isArray(value) && value.every(isPair);
}

/** Where the next part begins. */
function end(record: Buffer, start: number, length: number): number {
  if (start + length > record.length)
    throw new UnreadableRecord(`a message of ${record.length} bytes, which is cut off`);
  return start + length;
}

function parse(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UnreadableRecord('no JSON', { cause: error });
  }
  if (typeof value !== 'object' || value === null) throw new UnreadableRecord('no object');
  return value;
}

function isQos(value: unknown): value is QoS {
  return value === 0 || value === 1 || value === 2;
}

function isOptions(value: unknown): value is SubscriptionOptions {
  if (typeof value !== 'object' || value === null) return false;
  const { qos, noLocal, retainAsPublished, retainHandling } = value as Partial<Record<string, unknown>>;
  return isQos(qos) && typeof noLocal === 'boolean' && typeof retainAsPublished === 'boolean' && isQos(retainHandling);
}

/** Four bytes; none: there is no fingerprint. */
export function encodeFingerprint(fingerprint: number | undefined): Buffer {
  if (fingerprint === undefined) return Buffer.alloc(0);
  const record = Buffer.allocUnsafe(4);
  record.writeInt32BE(fingerprint | 0);
  return record;
}

/** @throws {UnreadableRecord} */
export function decodeFingerprint(record: Buffer): number | undefined {
  if (record.length === 0) return undefined;
  if (record.length !== 4) throw new UnreadableRecord(`a received id with ${record.length} bytes`);
  return record.readInt32BE();
}
