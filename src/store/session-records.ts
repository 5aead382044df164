import type { PacketId } from '../protocol/packet.ts';
import type { Clock } from '../util/clock.ts';
import type { Batch, Database } from './medium.ts';
import { digits, messageKey } from './message-groups.ts';
import {
  decodeMessage,
  encodeFingerprint,
  encodeIdentity,
  encodeMessage,
  encodeState,
  encodeSubscription,
  encodeWish,
  later,
  UnreadableRecord,
} from './record-codec.ts';
import type {
  SessionIdentity,
  StoredMessage,
  StoredReceived,
  StoredSession,
  StoredSubscription,
  StoredWish,
} from './session-store.ts';

/** A record, and its key. */
export type Row = readonly [key: string, value: Buffer];

/** The layout of the database; another one is set aside. */
const VERSION = Buffer.from('2');
/** One without groups. */
const EARLIER_VERSION = Buffer.from('1');
const VERSION_KEY = 'version';
export const VERSION_ROW: Row = [VERSION_KEY, VERSION];

/** Whether this version can read the database, or nothing is in it. */
export async function isOurs(database: Database): Promise<boolean> {
  const version = await database.get(VERSION_KEY);
  if (version !== undefined) return version.equals(VERSION) || version.equals(EARLIER_VERSION);
  const [first] = await database.keys({ limit: 1 }).all();
  return first === undefined;
}

/** Every record of a session, each message by itself. @param wall {@link wallOf} of the process. */
export function rowsOf({ identity, outgoing, received, subscriptions, wishes }: StoredSession, wall: number): Row[] {
  return [
    VERSION_ROW,
    ...(identity === undefined ? [] : [identityRow(identity)]),
    ...outgoing.map((message) => messageRow(message, wall)),
    ...outgoing.filter(isStepKept).map(stateRow),
    ...received.map(receivedRow),
    ...subscriptions.map(subscriptionRow),
    ...wishes.map(wishRow),
  ];
}

/** To be added to a time of this process: its clock means nothing to the next one. */
export function wallOf(clock: Clock): number {
  return clock.wall() - clock.now();
}

/** @param wall {@link wallOf} of the process. */
export function messageRow(message: StoredMessage, wall: number): Row {
  return [messageKey(message.sequence), encodeMessage(later(message, wall))];
}

/**
 * The message of a record, without its step.
 * @param wall {@link wallOf} of the process.
 * @throws {UnreadableRecord}
 */
export function messageOf(sequence: number, record: Buffer, wall: number): StoredMessage {
  return { sequence, ...later(decodeMessage(record), -wall), state: { step: 'queued' } };
}

/** At QoS 1 the packet id need not outlive the process: sent anew it is sent once more, as it is with its id. */
export function isStepKept({ message, state }: StoredMessage): boolean {
  return message.qos === 2 && state.step !== 'queued';
}

/** The sequence of a message that has a record of its own, if this is the key of one. */
export function sequenceIn(key: string): number | undefined {
  const [room, rest = ''] = key.split('/', 2);
  return room === 'message' ? Number(rest) : undefined;
}

export function stateKey(sequence: number): string {
  return `state/${digits(sequence)}`;
}

export function stateRow({ sequence, state }: Pick<StoredMessage, 'sequence' | 'state'>): Row {
  return [stateKey(sequence), Buffer.from(encodeState(state))];
}

export function identityRow(identity: SessionIdentity): Row {
  return ['identity', Buffer.from(encodeIdentity(identity))];
}

export function receivedKey(packetId: PacketId): string {
  return `received/${packetId}`;
}

export function receivedRow({ packetId, fingerprint }: StoredReceived): Row {
  return [receivedKey(packetId), encodeFingerprint(fingerprint)];
}

export function filterKey(filter: string): string {
  return `filter/${filter}`;
}

export function subscriptionRow(subscription: StoredSubscription): Row {
  return [filterKey(subscription.filter), Buffer.from(encodeSubscription(subscription))];
}

export function wishKey({ ref, filter }: Pick<StoredWish, 'ref' | 'filter'>): string {
  // A reference is any text: how long it is tells where the filter begins.
  return `wish/${ref.length}/${ref}/${filter}`;
}

export function wishRow(wish: StoredWish): Row {
  return [wishKey(wish), Buffer.from(encodeWish(wish))];
}

const UNREADABLE = 'unreadable/';

/** Never deleted: somebody may be able to read them. */
export function putAside(records: readonly Row[], batch: Batch): void {
  for (const [key, value] of records) {
    batch.del(key);
    batch.put(`${UNREADABLE}${key}`, value);
  }
}

/** Whether it is that of a record which could not be read. */
export function isAside(key: string): boolean {
  return key.startsWith(UNREADABLE);
}

/** The number in a key. @throws {UnreadableRecord} it is none from 1 to `highest`. */
export function numberOf(text: string, highest: number = Number.MAX_SAFE_INTEGER): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > highest)
    throw new UnreadableRecord(`the number ${text.slice(0, 40)}`);
  return number;
}
