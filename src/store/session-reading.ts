import type { PacketId } from '../protocol/packet.ts';
import type { Backlog } from './backlog.ts';
import type { Batch, Database, Range } from './medium.ts';
import type { MemoryStore } from './memory-store.ts';
import {
  decodeGone,
  decodeGroup,
  encodeGone,
  goneKey,
  isGone,
  type Member,
  type MessageGroups,
  messageKey,
} from './message-groups.ts';
import { sizeOf } from './message-size.ts';
import {
  decodeFingerprint,
  decodeIdentity,
  decodeState,
  decodeSubscription,
  decodeWish,
  UnreadableRecord,
} from './record-codec.ts';
import { messageOf, numberOf, putAside, type Row, stateRow, wishKey } from './session-records.ts';
import type { OutgoingState, StoredMessage, StoredWish } from './session-store.ts';

/** Where what is read goes. */
export interface Destination {
  readonly mirror: MemoryStore;
  readonly backlog: Backlog;
  readonly groups: MessageGroups;
  /** Messages whose step has a record of its own. */
  readonly stepped: Set<number>;
}

/** Records, and bytes of them, that are read at once. */
const READ_AT_ONCE = 1000;
const READ_BYTES = 1024 * 1024;

/** One reading of all records of a session, when it is opened: those that can be read go to their places. */
export class SessionReading {
  readonly #database: Database;
  readonly #to: Destination;
  readonly #wall: number;
  readonly #states = new Map<number, OutgoingState>();
  /** What is gone of groups, by the first sequence of each. */
  readonly #gone = new Map<number, number>();
  /** The first sequences of the groups that could be read. */
  readonly #groups = new Set<number>();
  /** Messages in groups that are not taken yet; by falling sequence, when all groups are read. */
  readonly #grouped: Member[] = [];
  /** Messages of groups that are to be on disk alone, and so have their own records. */
  readonly #alone: Member[] = [];
  readonly #unreadable: Row[] = [];
  /** The last message that has a step. */
  #lastStep = 0;
  readonly #inMemory = { messages: 0, bytes: 0 };

  /** @param wall `wallOf` the process. */
  constructor(database: Database, to: Destination, wall: number) {
    this.#database = database;
    this.#to = to;
    this.#wall = wall;
  }

  /** Reads all. What is to be otherwise on disk by that is for {@link tidy}. */
  async read(): Promise<void> {
    // The steps first: a message with one is in memory, and so is all that was accepted before it.
    await this.#readRange({ gte: 'state/', lt: 'state0' });
    await this.#readRange({ lt: 'message/' });
    this.#grouped.sort((a, b) => b.sequence - a.sequence);
    await this.#readRange({ gte: 'message/', lt: 'state/' });
    await this.#readRange({ gte: 'state0' });
    this.#takeGrouped(Infinity);
  }

  /**
   * Puts into one batch what is to be otherwise: what is set aside is nowhere else then, whenever the process ends.
   * @returns how many records could not be read.
   */
  tidy(batch: Batch): number {
    putAside([...this.#unreadable, ...this.#orphans()], batch);
    // What waits on disk alone is in no group.
    for (const { sequence, record } of this.#alone) batch.put(messageKey(sequence), record);
    this.#to.groups.write(batch, this.#wall);
    return this.#unreadable.length;
  }

  /** What belongs to a message or a group that is not there: it would be taken for that of a later one of its number. */
  #orphans(): Row[] {
    const ofMessages = [...this.#states].filter(([sequence]) => !this.#to.stepped.has(sequence));
    const ofGroups = [...this.#gone].filter(([first]) => !this.#groups.has(first));
    return [
      ...ofMessages.map(([sequence, state]) => stateRow({ sequence, state })),
      ...ofGroups.map(([first, bits]): Row => [goneKey(first), encodeGone(bits)]),
    ];
  }

  async #readRange(range: Range): Promise<void> {
    const records = this.#database.iterator({ ...range, highWaterMarkBytes: READ_BYTES });
    try {
      // Many at a time: a wait for each would take most of the time.
      for (let some = await records.nextv(READ_AT_ONCE); some.length > 0; some = await records.nextv(READ_AT_ONCE)) {
        this.#unreadable.push(...some.filter((row) => !this.#isTaken(row)));
      }
    } finally {
      await records.close();
    }
  }

  /** Whether the record could be read, and is there now. */
  #isTaken(row: Row): boolean {
    try {
      this.#take(row);
      return true;
    } catch (error) {
      if (!(error instanceof UnreadableRecord)) throw error;
      return false;
    }
  }

  #take([key, value]: Row): void {
    const { mirror } = this.#to;
    const slash = key.indexOf('/');
    const rest = key.slice(slash + 1);
    switch (slash < 0 ? key : key.slice(0, slash)) {
      case 'identity':
        return mirror.saveIdentity(decodeIdentity(value.toString()));
      case 'gone':
        return void this.#gone.set(numberOf(rest), decodeGone(value));
      case 'group':
        return this.#takeGroup(numberOf(rest), value);
      case 'message':
        return this.#takeAlone(numberOf(rest), value);
      case 'state':
        return this.#takeState(numberOf(rest), decodeState(value.toString()));
      case 'received':
        return mirror.saveReceived({
          packetId: numberOf(rest, 0xffff) as PacketId,
          fingerprint: decodeFingerprint(value),
        });
      case 'filter':
        return mirror.saveSubscription(decodeSubscription(rest, value.toString()));
      case 'wish':
        return this.#takeWish(key, decodeWish(value.toString()));
    }
  }

  #takeState(sequence: number, state: OutgoingState): void {
    this.#states.set(sequence, state);
    this.#lastStep = Math.max(this.#lastStep, sequence);
  }

  /** Its messages are taken when it is their turn among those that have records of their own. */
  #takeGroup(first: number, value: Buffer): void {
    const members = decodeGroup(first, value);
    const gone = this.#gone.get(first) ?? 0;
    this.#groups.add(first);
    this.#to.groups.found(
      members.map(({ sequence }) => sequence),
      gone,
    );
    this.#grouped.push(...members.filter((_, index) => !isGone(gone, index)));
  }

  /** Takes those before this sequence. */
  #takeGrouped(before: number): void {
    const { backlog, groups } = this.#to;
    for (let next = this.#grouped.at(-1); next !== undefined && next.sequence < before; next = this.#grouped.at(-1)) {
      this.#grouped.pop();
      const { sequence, record } = next;
      const isTaken = this.#isTaken([messageKey(sequence), record]);
      if (!isTaken) this.#unreadable.push([messageKey(sequence), record]);
      if (!isTaken || backlog.has(sequence)) groups.remove(sequence);
      if (isTaken && backlog.has(sequence)) this.#alone.push(next);
    }
  }

  /** A message by a record of its own, behind those before it. */
  #takeAlone(sequence: number, record: Buffer): void {
    this.#takeGrouped(sequence);
    this.#passOver(sequence);
    this.#takeMessage(messageOf(sequence, record, this.#wall));
  }

  /** A message that has a record of its own is not in a group. */
  #passOver(sequence: number): void {
    if (this.#grouped.at(-1)?.sequence !== sequence) return;
    this.#grouped.pop();
    this.#to.groups.remove(sequence);
  }

  #takeMessage(message: StoredMessage): void {
    const { sequence } = message;
    const { mirror, backlog, stepped } = this.#to;
    if (this.#isFull && sequence > this.#lastStep) return backlog.found(message);
    this.#inMemory.messages += 1;
    this.#inMemory.bytes += sizeOf(message.message);
    const state = this.#states.get(sequence);
    if (state !== undefined) stepped.add(sequence);
    mirror.put(state === undefined ? message : { ...message, state });
  }

  get #isFull(): boolean {
    const { window } = this.#to.backlog;
    return this.#inMemory.messages >= window.messages || this.#inMemory.bytes >= window.bytes;
  }

  #takeWish(key: string, wish: StoredWish): void {
    // Under another key it would be there for ever: nobody could replace or remove it.
    if (key !== wishKey(wish)) throw new UnreadableRecord('a wish that is not where it belongs');
    this.#to.mirror.saveWish(wish);
  }
}
