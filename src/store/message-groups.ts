import { crc32, crc32Of } from '../util/crc32.ts';
import type { Batch } from './medium.ts';
import {
  encodeInto,
  encodeMessage,
  extrasText,
  later,
  type MessageRecord,
  recordSize,
  UnreadableRecord,
} from './record-codec.ts';

/** Messages that one record has at most, and bytes of them: what a disk makes unreadable of it costs no more. */
const MOST = 32;
const MOST_BYTES = 32 * 1024;

/** What four bytes hold. */
const MOST_DISTANCE = 0xffff_ffff;

const CHECK_BYTES = 4;

/** Of each message in the head of a group: how far its sequence is behind the first, and the bytes of its record. */
const ENTRY_BYTES = 8;

/** Digits of a sequence in a key: keys are in the order of their text. */
const DIGITS = 16;

/** Messages that have one record. */
interface Group {
  readonly sequences: readonly number[];
  /** A bit for each: whether it is gone. */
  gone: number;
  left: number;
  /** Whether there is a record of what is gone. */
  isMarked: boolean;
}

/** Where the records of a group begin while it is made: its head is in front. */
const HEAD_END = headBytes(MOST);

/** A message's record, and its sequence. */
export interface Member {
  readonly sequence: number;
  readonly record: Buffer;
}

/** Where the record of a message is: not on its way yet, by itself, or with others. */
export type Whereabouts = 'unwritten' | 'alone' | 'grouped';

/**
 * Which record has which message. What is written in one batch goes into few records: each costs the disk as much as
 * some thirty small messages. Which of a group are gone is in a record of its own, until all are.
 */
export class MessageGroups {
  readonly #collected = new Map<number, MessageRecord>();
  /** By the sequence of each message that is in one. */
  readonly #groups = new Map<number, Group>();
  /** The first sequences of those whose records are not deleted yet. */
  readonly #firsts = new Set<number>();
  /** Of which some are gone since the last batch. */
  readonly #changed = new Set<Group>();

  /** The message is written with the next batch. */
  add(sequence: number, record: MessageRecord): void {
    this.remove(sequence);
    this.#collected.set(sequence, record);
  }

  /** A group that is on disk. @param gone a bit for each: whether it is gone. */
  found(sequences: readonly number[], gone: number): void {
    const left = sequences.filter((_, index) => !isGone(gone, index));
    const group = { sequences, gone, left: left.length, isMarked: gone !== 0 };
    for (const sequence of left) this.#groups.set(sequence, group);
    this.#firsts.add(sequences[0] ?? 0);
    if (left.length === 0) this.#changed.add(group);
  }

  /** The message's record is not wanted any more. One that is alone is for who asks to delete; the next batch has the rest. */
  remove(sequence: number): Whereabouts {
    if (this.#collected.delete(sequence)) return 'unwritten';
    const group = this.#groups.get(sequence);
    if (group === undefined) return 'alone';
    this.#groups.delete(sequence);
    group.gone |= 1 << group.sequences.indexOf(sequence);
    group.left -= 1;
    this.#changed.add(group);
    return 'grouped';
  }

  /** Puts what was collected, and what is gone of groups, into a batch. @param wall added to the times of the records. */
  write(batch: Batch, wall: number): void {
    for (const group of this.#changed) {
      mark(group, batch);
      if (group.left === 0) this.#firsts.delete(group.sequences[0] ?? 0);
    }
    this.#changed.clear();
    const part = new Part();
    for (const [sequence, record] of this.#inOrder(wall)) {
      const extras = extrasText(record);
      const bytes = recordSize(record, extras);
      if (!part.hasRoomFor(sequence, bytes)) this.#put(part, batch);
      if (bytes > MOST_BYTES) batch.put(messageKey(sequence), encodeMessage(record));
      else part.add(sequence, record, extras);
    }
    this.#put(part, batch);
    this.#collected.clear();
  }

  #inOrder(wall: number): [sequence: number, record: MessageRecord][] {
    const all = [...this.#collected].sort(([a], [b]) => a - b);
    return all.map(([sequence, record]) => [sequence, later(record, wall)]);
  }

  /** Empties the part. */
  #put(part: Part, batch: Batch): void {
    const { sequences } = part;
    const first = sequences[0] ?? 0;
    // One that is put again, and was the first of a group that is there: that has the key.
    const isGroup = sequences.length > 1 && !this.#firsts.has(first);
    if (isGroup) {
      batch.put(groupKey(first), part.group);
      this.found(sequences, 0);
    } else for (const [index, sequence] of sequences.entries()) batch.put(messageKey(sequence), part.record(index));
    part.clear();
  }

  /** What is on disk is to be written anew, each message by itself. */
  clear(): void {
    this.#collected.clear();
    this.#groups.clear();
    this.#firsts.clear();
    this.#changed.clear();
  }
}

/** What a part is made in: a batch copies what it is given. */
const workspace = Buffer.allocUnsafeSlow(HEAD_END + MOST_BYTES);

/** Messages, by rising sequence, that are few enough for one record. */
class Part {
  #sequences: number[] = [];
  /** Where each record begins, and the last one ends. */
  #bounds: number[] = [HEAD_END];

  get sequences(): readonly number[] {
    return this.#sequences;
  }

  hasRoomFor(sequence: number, bytes: number): boolean {
    const first = this.#sequences[0] ?? sequence;
    return this.#sequences.length < MOST && this.#end + bytes <= workspace.length && sequence - first <= MOST_DISTANCE;
  }

  add(sequence: number, record: MessageRecord, extras: string): void {
    this.#sequences.push(sequence);
    this.#bounds.push(encodeInto(workspace, this.#end, record, extras));
  }

  get #end(): number {
    return this.#bounds.at(-1) ?? HEAD_END;
  }

  /** The record of one of them; valid until the part is cleared. */
  record(index: number): Buffer {
    return workspace.subarray(this.#bounds[index], this.#bounds[index + 1]);
  }

  /**
   * One byte of their number, of each what {@link ENTRY_BYTES} says, the CRC-32 of all that, and their records; valid as long
   * as a record.
   */
  get group(): Buffer {
    const start = HEAD_END - headBytes(this.#sequences.length);
    const first = this.#sequences[0] ?? 0;
    workspace[start] = this.#sequences.length;
    let at = start + 1;
    for (const [index, sequence] of this.#sequences.entries()) {
      workspace.writeUInt32BE(sequence - first, at);
      workspace.writeUInt32BE((this.#bounds[index + 1] ?? 0) - (this.#bounds[index] ?? 0), at + 4);
      at += ENTRY_BYTES;
    }
    workspace.writeInt32BE(crc32Of(workspace, start, at), at);
    return workspace.subarray(start, this.#end);
  }

  clear(): void {
    this.#sequences = [];
    this.#bounds = [HEAD_END];
  }
}

/** Bytes of the head of a group of so many. */
function headBytes(count: number): number {
  return 1 + count * ENTRY_BYTES + CHECK_BYTES;
}

function mark(group: Group, batch: Batch): void {
  const first = group.sequences[0] ?? 0;
  if (group.left > 0) batch.put(goneKey(first), encodeGone(group.gone));
  else {
    batch.del(groupKey(first));
    if (group.isMarked) batch.del(goneKey(first));
  }
  group.isMarked = true;
}

export function messageKey(sequence: number): string {
  return `message/${digits(sequence)}`;
}

/** @param first the sequence of the first message in it. */
function groupKey(first: number): string {
  return `group/${digits(first)}`;
}

export function goneKey(first: number): string {
  return `gone/${digits(first)}`;
}

export function digits(sequence: number): string {
  return String(sequence).padStart(DIGITS, '0');
}

/** Whether the message at this place of a group is gone. */
export function isGone(gone: number, index: number): boolean {
  return (gone & (1 << index)) !== 0;
}

/**
 * @param first the sequence of the first message in it.
 * @returns each message's record, which may be unreadable itself.
 * @throws {UnreadableRecord}
 */
export function decodeGroup(first: number, group: Buffer): Member[] {
  const count = group[0] ?? 0;
  const head = 1 + count * ENTRY_BYTES;
  if (count === 0 || count > MOST || group.length < head + CHECK_BYTES)
    throw new UnreadableRecord('a group of messages');
  if (crc32(group.subarray(0, head)) !== group.readInt32BE(head)) {
    throw new UnreadableRecord('a group of messages that is not as it was written');
  }
  const offsets = Array.from({ length: count }, (_, index) => group.readUInt32BE(1 + index * ENTRY_BYTES));
  const isRising = offsets.every((offset, index) => (index === 0 ? offset === 0 : offset > (offsets[index - 1] ?? 0)));
  if (!isRising) throw new UnreadableRecord('a group of messages in another order');
  let start = head + CHECK_BYTES;
  return Array.from({ length: count }, (_, index) => {
    const entry = 1 + index * ENTRY_BYTES;
    const end = start + group.readUInt32BE(entry + 4);
    const record = group.subarray(start, end);
    start = end;
    return { sequence: first + (offsets[index] ?? 0), record };
  });
}

/** Four bytes, a bit for each message of the group from the lowest on, and their CRC-32. */
export function encodeGone(gone: number): Buffer {
  const record = Buffer.allocUnsafe(4 + CHECK_BYTES);
  record.writeInt32BE(gone);
  record.writeInt32BE(crc32(record.subarray(0, 4)), 4);
  return record;
}

/** @throws {UnreadableRecord} */
export function decodeGone(record: Buffer): number {
  if (record.length !== 4 + CHECK_BYTES || crc32(record.subarray(0, 4)) !== record.readInt32BE(4)) {
    throw new UnreadableRecord('what is gone of a group of messages');
  }
  return record.readInt32BE();
}
