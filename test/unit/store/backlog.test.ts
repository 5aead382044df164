import assert from 'node:assert/strict';
import { BacklogRows } from '../../../src/store/backlog-rows.ts';
import { Backlog, type FoundMessages, type Read, type Window } from '../../../src/store/backlog.ts';
import { sizeOf } from '../../../src/store/message-size.ts';
import type { StoredMessage } from '../../../src/store/session-store.ts';
import { randomFrom, wholeNumber } from '../../support/random.ts';
import { record } from './contract.ts';

/** More than two blocks. */
const MANY = 10_000;

function rowsOf(...sequences: readonly number[]): BacklogRows {
  const rows = new BacklogRows();
  for (const sequence of sequences) rows.push({ sequence, size: sequence, acceptedAt: 1, expiresAt: Infinity });
  return rows;
}

const sequencesOf = (rows: Iterable<{ readonly sequence: number }>): number[] =>
  [...rows].map(({ sequence }) => sequence);

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('rows of what waits on disk', () => {
  it('are in their order, across blocks, and count their bytes', () => {
    const rows = rowsOf(...upTo(MANY));
    assert.deepEqual(sequencesOf(rows), upTo(MANY));
    assert.equal(rows.bytes, (MANY * (MANY + 1)) / 2);
    assert.deepEqual(rows.last, { sequence: MANY, size: MANY, acceptedAt: 1, expiresAt: Infinity });
  });

  it('leave at the front while others come', () => {
    const rows = new BacklogRows();
    const left: number[] = [];
    for (let next = 1; next <= MANY; next++) {
      rows.push({ sequence: next, size: 2, acceptedAt: 1, expiresAt: Infinity });
      if (next % 3 > 0) left.push(rows.shift()?.sequence ?? 0);
    }
    for (let row = rows.shift(); row !== undefined; row = rows.shift()) left.push(row.sequence);
    assert.deepEqual(left, upTo(MANY));
    assert.deepEqual([rows.length, rows.bytes, rows.first, rows.last], [0, 0, undefined, undefined]);
  });

  it('are found by their sequence, and no others are', () => {
    const rows = rowsOf(...upTo(MANY).map((number) => number * 2));
    for (let gone = 0; gone < 5000; gone++) rows.shift();
    for (const there of [10_002, 10_004, 16_384, 19_998, 20_000]) assert.equal(rows.find(there)?.size, there);
    for (const gone of [0, 2, 10_000, 10_003, 19_999, 20_001, 20_002]) assert.equal(rows.find(gone), undefined);
  });

  it('leave when they have expired, wherever they are', () => {
    const rows = new BacklogRows();
    const expiring = (sequence: number): number => [5, 6, Infinity, 5, 9][sequence % 5] ?? 0;
    for (const sequence of upTo(MANY)) rows.push({ sequence, size: 1, acceptedAt: 0, expiresAt: expiring(sequence) });
    assert.equal(rows.expiresFrom, 5);
    const late = rows.takeExpired(6);
    assert.deepEqual(
      sequencesOf(late),
      upTo(MANY).filter((sequence) => expiring(sequence) <= 6),
    );
    assert.deepEqual(
      sequencesOf(rows),
      upTo(MANY).filter((sequence) => expiring(sequence) > 6),
    );
    assert.deepEqual([rows.bytes, late.bytes, rows.expiresFrom], [rows.length, late.length, 9]);
  });
});

describe('rows of what waits on disk, whatever happens to them', () => {
  it('are those of a list', () => {
    const random = randomFrom(7);
    const rows = new BacklogRows();
    let list: { readonly sequence: number; readonly expiresAt: number }[] = [];
    for (let sequence = 1, now = 0; sequence < 40_000; sequence++) {
      const expiresAt = random() < 0.5 ? Infinity : now + wholeNumber(random, 1, 20_000);
      rows.push({ sequence, size: 3, acceptedAt: now, expiresAt });
      list.push({ sequence, expiresAt });
      now += 1;
      if (random() < 0.3) assert.equal(rows.shift()?.sequence, list.shift()?.sequence);
      if (random() > 0.001) continue;
      const late = list.filter((row) => row.expiresAt <= now);
      list = list.filter((row) => row.expiresAt > now);
      assert.deepEqual(sequencesOf(rows.takeExpired(now)), sequencesOf(late));
      assert.deepEqual(sequencesOf(rows), sequencesOf(list));
      assert.equal(rows.bytes, 3 * list.length);
    }
  });
});

/** A backlog whose disk has what was written, and answers when it is told to. */
class Scene {
  readonly backlog: Backlog;
  readonly records = new Map<number, StoredMessage>();
  readonly asked: (readonly number[])[] = [];
  answer: () => void = () => assert.fail('nothing is read');

  constructor(window: Partial<Window> = {}) {
    this.backlog = new Backlog(
      { messages: 3, bytes: 1_000_000, ...window },
      {
        write: (message) => void this.records.set(message.sequence, message),
        read: (sequences, read) => this.#read(sequences, read),
        took: () => undefined,
      },
    );
  }

  #read(sequences: readonly number[], read: Read): void {
    this.asked.push(sequences);
    this.answer = () => read(sequences.map((sequence) => this.records.get(sequence)));
  }

  /** These are on disk, and nobody waits for them. */
  has(...messages: readonly StoredMessage[]): this {
    for (const message of messages) {
      this.backlog.put(message, undefined);
      this.backlog.written(message.sequence);
    }
    return this;
  }
}

const records = (...sequences: readonly number[]): StoredMessage[] => sequences.map((sequence) => record(sequence));

const expiring = (sequence: number, expiresAt: number): StoredMessage => ({ ...record(sequence), expiresAt });

describe('what waits on disk', () => {
  it('comes into memory in order, no more than there is room for', () => {
    const scene = new Scene().has(...records(1, 2, 3, 4, 5));
    const came: number[] = [];
    const comes = (): void =>
      scene.backlog.next((rows, messages) => {
        assert.deepEqual(sequencesOf(rows), sequencesOf((messages ?? []).flatMap((message) => message ?? [])));
        came.push(...rows.filter((row) => scene.backlog.take(row)).map(({ sequence }) => sequence));
      });
    comes();
    scene.answer();
    assert.deepEqual(came, [1, 2, 3]);
    comes();
    scene.answer();
    assert.deepEqual(came, [1, 2, 3, 4, 5]);
    assert.equal(scene.backlog.length, 0);
  });

  it('comes by bytes too, one at least', () => {
    const size = sizeOf(record(1).message);
    const scene = new Scene({ bytes: size * 2 }).has(...records(1, 2, 3));
    scene.backlog.next(() => undefined);
    assert.deepEqual(scene.asked, [[1, 2]]);
    const small = new Scene({ bytes: 1 }).has(...records(1, 2, 3));
    small.backlog.next(() => undefined);
    assert.deepEqual(small.asked, [[1]]);
  });

  it('counts for limits as in memory', () => {
    const { backlog } = new Scene().has(...records(1, 2));
    assert.equal(backlog.bytes, 2 * sizeOf(record(1).message));
  });

  it('is not taken twice, nor when it was given up', () => {
    const { backlog } = new Scene().has(...records(1, 2));
    const [first, second] = [...backlog.sequences].map((sequence) => ({ ...rowOf(sequence) }));
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual([backlog.take(second), backlog.take(first), backlog.take(first)], [false, true, false]);
    backlog.takeAll();
    assert.equal(backlog.take(second), false);
  });

  it('needs no disk while it is not written', () => {
    const scene = new Scene().has(record(1));
    for (const message of records(2, 3)) scene.backlog.put(message, undefined);
    scene.records.clear();
    let found: FoundMessages | undefined;
    scene.backlog.read([1, 2, 3], (messages) => (found = messages));
    assert.deepEqual(scene.asked, [[1]]);
    scene.answer();
    assert.deepEqual(found, [undefined, record(2), record(3)]);
    assert.deepEqual([...scene.backlog.unwritten], records(2, 3));
  });

  it('is as old as it was when it came, also where the clock on the wall was set since', () => {
    const scene = new Scene().has(expiring(1, 500), record(2));
    for (const sequence of [1, 2]) scene.records.set(sequence, { ...expiring(sequence, -1), acceptedAt: -500 });
    let found: FoundMessages | undefined;
    scene.backlog.next((_, messages) => (found = messages));
    scene.answer();
    assert.deepEqual(found, [expiring(1, 500), record(2)]);
  });

  it('expires where it is, and not before', () => {
    const { backlog } = new Scene().has(record(1), expiring(2, 500), expiring(3, 400));
    assert.equal(backlog.deadline, 400);
    assert.equal(backlog.takeExpired(399).length, 0);
    assert.deepEqual(sequencesOf(backlog.takeExpired(400)), [3]);
    assert.equal(backlog.deadline, 500);
    assert.deepEqual(sequencesOf(backlog.takeExpired(500)), [2]);
    assert.deepEqual([backlog.length, backlog.deadline], [1, Infinity]);
  });

  it('is not looked through for each message, where there is much', () => {
    const { backlog } = new Scene().has(...upTo(1000).map((sequence) => expiring(sequence, 100 + sequence)));
    assert.equal(backlog.takeExpired(101).length, 1);
    assert.equal(Math.ceil(backlog.deadline), 111);
    assert.equal(backlog.takeExpired(110).length, 0);
    assert.equal(backlog.takeExpired(111).length, 10);
  });

  it('is given up from the front, so many or so many bytes', () => {
    const { backlog } = new Scene().has(...records(1, 2, 3, 4));
    assert.deepEqual(sequencesOf(backlog.takeFirst(1, 0)), [1]);
    assert.deepEqual(sequencesOf(backlog.takeFirst(1, sizeOf(record(2).message) + 1)), [2, 3]);
    assert.deepEqual(sequencesOf(backlog.takeFirst(9, 0)), [4]);
    assert.equal(backlog.bytes, 0);
  });

  it('is wanted, and its sequence in use, until what was given up was read', () => {
    const scene = new Scene().has(...records(1, 2, 3, 4));
    const { backlog } = scene;
    const all = backlog.takeAll();
    const read: number[] = [];
    backlog.readGivenUp(all, (rows) => read.push(...sequencesOf(rows)));
    assert.deepEqual([backlog.last, backlog.length, backlog.has(1), backlog.has(4)], [4, 0, true, true]);
    scene.answer();
    assert.deepEqual([read, backlog.last, backlog.has(1), backlog.has(4)], [[1, 2, 3], 4, false, true]);
    backlog.readGivenUp(all, (rows) => read.push(...sequencesOf(rows)));
    scene.answer();
    assert.deepEqual([read, backlog.last, backlog.has(4)], [[1, 2, 3, 4], 0, false]);
  });

  it('has who waits for it until he is taken', () => {
    const { backlog } = new Scene();
    const waiter = { settle: () => undefined };
    backlog.put(record(1), waiter);
    assert.equal(backlog.takeWaiter(1), waiter);
    assert.equal(backlog.takeWaiter(1), undefined);
  });

  it('is over with its store: who waits for what is there, or was given up, is known once', () => {
    const scene = new Scene();
    const { backlog } = scene;
    const waiters = upTo(3).map(() => ({ settle: () => undefined }));
    for (const [index, waiter] of waiters.entries()) backlog.put(record(index + 1), waiter);
    const first = backlog.takeFirst(1, 0);
    let found: FoundMessages | undefined = [];
    backlog.readGivenUp(first, (_, messages) => (found = messages));
    assert.deepEqual(backlog.discard(), waiters);
    assert.deepEqual([backlog.length, backlog.last, [...backlog.unwritten]], [0, 0, []]);
    scene.answer();
    assert.equal(found, undefined);
    assert.equal(backlog.takeWaiter(1), undefined);
  });
});

function rowOf(sequence: number): { sequence: number; size: number; acceptedAt: number; expiresAt: number } {
  return { sequence, size: 1, acceptedAt: 0, expiresAt: Infinity };
}
