import assert from 'node:assert/strict';
import type { Batch } from '../../../src/store/medium.ts';
import { decodeGone, decodeGroup, MessageGroups } from '../../../src/store/message-groups.ts';
import { UnreadableRecord } from '../../../src/store/record-codec.ts';
import { crc32 } from '../../../src/util/crc32.ts';
import { record } from './contract.ts';

/** What a batch is given: `put group/1`, `del gone/1`. */
function written(groups: MessageGroups): string[] {
  const lines: string[] = [];
  const note = (what: string, key: string): void => void lines.push(`${what} ${key.replace(/\/0+/, '/')}`);
  const batch: Batch = {
    put: (key) => note('put', key),
    del: (key) => note('del', key),
    write: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  groups.write(batch, 0);
  return lines;
}

function added(groups: MessageGroups, ...sequences: readonly number[]): MessageGroups {
  for (const sequence of sequences) groups.add(sequence, record(sequence));
  return groups;
}

describe('Messages that are written at once', () => {
  it('are in one record, and what is gone of it is written once', () => {
    const groups = added(new MessageGroups(), 1, 2, 3);
    assert.deepEqual(written(groups), ['put group/1']);
    assert.equal(groups.remove(2), 'grouped');
    assert.deepEqual([written(groups), written(groups)], [['put gone/1'], []]);
    for (const sequence of [1, 3]) groups.remove(sequence);
    assert.deepEqual([written(groups), written(groups)], [['del group/1', 'del gone/1'], []]);
  });

  it('may have the number of a record that is deleted, and not of one that is there', () => {
    const groups = added(new MessageGroups(), 1, 2);
    written(groups);
    assert.deepEqual(written(added(groups, 1, 3)), ['put gone/1', 'put message/1', 'put message/3']);
    groups.remove(2);
    written(groups);
    assert.deepEqual(written(added(groups, 1, 2)), ['put group/1']);
  });

  it('are written no more, nor what is gone of them, when all is to be written anew', () => {
    const groups = added(new MessageGroups(), 1, 2, 3);
    written(groups);
    groups.remove(1);
    added(groups, 4, 5);
    groups.clear();
    assert.deepEqual(written(groups), []);
    assert.equal(groups.remove(2), 'alone');
    assert.deepEqual(written(added(groups, 1, 2)), ['put group/1']);
  });

  it('have no record any more where all of them were gone when it was found', () => {
    const groups = new MessageGroups();
    groups.found([1, 2], 3);
    assert.deepEqual(written(groups), ['del group/1', 'del gone/1']);
  });
});

describe('The record of several messages', () => {
  /** A head with these offsets and lengths, and its check. */
  function forged(count: number, ...entries: readonly (readonly [offset: number, length: number])[]): Buffer {
    const head = Buffer.alloc(1 + entries.length * 8);
    head[0] = count;
    for (const [index, [offset, length]] of entries.entries()) {
      head.writeUInt32BE(offset, 1 + index * 8);
      head.writeUInt32BE(length, 5 + index * 8);
    }
    const check = Buffer.alloc(4);
    check.writeInt32BE(crc32(head));
    return Buffer.concat([head, check, Buffer.alloc(8)]);
  }

  it('is read', () => {
    const members = decodeGroup(5, forged(2, [0, 3], [7, 5]));
    assert.deepEqual(
      members.map(({ sequence, record: { length } }) => [sequence, length]),
      [
        [5, 3],
        [12, 5],
      ],
    );
  });

  const many = Array.from({ length: 33 }, (_, index) => [index, 0] as const);
  for (const [what, value] of [
    ['nothing', Buffer.alloc(0)],
    ['of none', forged(0)],
    ['of more than are written', forged(33, ...many)],
    ['that ends within its head', forged(2, [0, 3], [1, 3]).subarray(0, 20)],
    ['whose first is another one', forged(2, [1, 1], [2, 1])],
    ['with one twice', forged(3, [0, 1], [4, 1], [4, 1])],
    ['that falls', forged(3, [0, 1], [4, 1], [3, 1])],
  ] as const) {
    it(`is refused: ${what}`, () => {
      assert.throws(() => decodeGroup(1, value), UnreadableRecord);
    });
  }

  it('says what is gone in eight bytes, and not in more or less', () => {
    for (const length of [0, 4, 7, 9]) assert.throws(() => decodeGone(Buffer.alloc(length)), UnreadableRecord);
  });
});
