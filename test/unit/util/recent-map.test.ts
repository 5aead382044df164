import assert from 'node:assert/strict';
import { RecentMap } from '../../../src/util/recent-map.ts';
import { heapInUse } from '../garbage.ts';
import { randomFrom, wholeNumber } from '../../support/random.ts';

describe('RecentMap', () => {
  it('has what a Map has, whatever comes and goes, 50 seeds', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = randomFrom(seed);
      const [expected, actual] = [new Map<number, number>(), new RecentMap<number>()];
      const range = wholeNumber(random, 10, 100_000);
      const most = wholeNumber(random, 1, 400);
      let next = wholeNumber(random, 0, range);
      for (let step = 0; step < 3000; step++) {
        if (random() < 0.55 && expected.size < most) {
          // Rising, around the end of their range, and now and then any.
          next = random() < 0.02 ? wholeNumber(random, 0, range) : (next + 1) % (range + 1);
          expected.set(next, step);
          actual.set(next, step);
        } else {
          const keys = [...expected.keys()];
          // Mostly the oldest, so that some stay for long.
          const key = random() < 0.8 ? keys[Math.floor(keys.length * random() ** 3)] : wholeNumber(random, 0, range);
          if (key !== undefined) assert.equal(actual.delete(key), expected.delete(key));
        }
        const asked = wholeNumber(random, 0, range);
        for (const key of [asked, next]) {
          assert.equal(actual.get(key), expected.get(key));
          assert.equal(actual.has(key), expected.has(key));
        }
        assert.equal(actual.size, expected.size);
      }
      assert.deepEqual(
        actual.values().sort((a, b) => a - b),
        [...expected.values()].sort((a, b) => a - b),
      );
      actual.clear();
      assert.deepEqual([actual.size, actual.values(), actual.has(next)], [0, [], false]);
    }
  });

  it('keeps one entry while millions of others come and go, and no more room than they need', () => {
    const map = new RecentMap<string>();
    map.set(0, 'stays');
    for (let key = 1; key < 3_000_000; key++) {
      map.set(key, 'goes');
      if (key > 10) map.delete(key - 10);
    }
    assert.equal(map.get(0), 'stays');
    assert.equal(map.size, 11);
    assert.ok(map.room <= 64, `${map.room} places`);
  });

  it('has a small ring again when all of many are gone', () => {
    const map = new RecentMap<number>();
    for (let key = 0; key < 60_000; key++) map.set(key, key);
    for (let key = 0; key < 60_000; key++) map.delete(key);
    assert.ok(map.room <= 64, `${map.room} places`);
    map.set(7, 7);
    assert.deepEqual([map.get(7), map.values(), map.keys()], [7, [7], [7]]);
  });

  it('holds nothing that is gone', async () => {
    const map = new RecentMap<number[]>();
    const before = await heapInUse();
    for (let key = 0; key < 16; key++)
      map.set(
        key,
        Array.from({ length: 500_000 }, () => key),
      );
    assert.ok((await heapInUse()) - before > 30_000_000);
    for (let key = 0; key < 16; key++) map.delete(key);
    assert.ok((await heapInUse()) - before < 10_000_000);
    assert.equal(map.size, 0);
  });

  it('has keys beyond 32 bits', () => {
    const map = new RecentMap<string>();
    for (const key of [2 ** 31, 2 ** 32, 2 ** 40 + 1]) map.set(key, String(key));
    for (const key of [2 ** 31, 2 ** 32, 2 ** 40 + 1]) assert.equal(map.get(key), String(key));
    assert.equal(map.get(0), undefined);
  });
});
