import assert from 'node:assert/strict';
import { InOrder } from '../../../src/util/in-order.ts';
import { randomFrom, wholeNumber } from '../../support/random.ts';

describe('InOrder', () => {
  it('has what was set and not deleted, in the order of the numbers, 50 seeds', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = randomFrom(seed);
      const [expected, actual] = [new Map<number, string>(), new InOrder<string>()];
      const most = wholeNumber(random, 1, 300);
      let next = 0;
      for (let step = 0; step < 2000; step++) {
        if (random() < 0.52 && expected.size < most) {
          next += random() < 0.01 ? wholeNumber(random, 1, 5000) : 1;
          // Now and then one that was there before.
          const number = random() < 0.02 ? wholeNumber(random, 0, next) : next;
          expected.set(number, `${step}`);
          actual.set(number, `${step}`);
        } else {
          const numbers = [...expected.keys()];
          const number = numbers[Math.floor(numbers.length * random() ** 2)] ?? next;
          assert.equal(actual.delete(number), expected.delete(number));
        }
        const sorted = [...expected].sort(([a], [b]) => a - b).map(([, item]) => item);
        if (random() < 0.2) assert.equal(actual.first, sorted[0]);
        if (random() < 0.05) assert.deepEqual([...actual], sorted);
        assert.equal(actual.size, expected.size);
        assert.equal(actual.has(next), expected.has(next));
      }
      actual.clear();
      assert.deepEqual([actual.size, actual.first, [...actual]], [0, undefined, []]);
      actual.set(7, 'anew');
      assert.equal(actual.first, 'anew');
    }
  });

  it('visits neither what goes meanwhile nor what comes meanwhile', () => {
    const items = new InOrder<number>();
    for (const number of [1, 2, 3, 4]) items.set(number, number);
    const visited: number[] = [];
    for (const item of items) {
      visited.push(item);
      items.delete(item + 1);
      items.set(10 + item, item);
    }
    assert.deepEqual(visited, [1, 3]);
  });

  it('finds the first behind one that stayed while millions came and went, without looking at each number between', () => {
    const items = new InOrder<string>();
    items.set(1, 'stays');
    for (let number = 2; number < 3_000_000; number++) {
      items.set(number, `${number}`);
      if (number >= 22) items.delete(number - 20);
    }
    assert.equal(items.first, 'stays');
    items.delete(1);
    assert.equal(items.first, '2999980');
    assert.equal(items.size, 20);
  });
});
