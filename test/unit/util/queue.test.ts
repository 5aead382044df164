import assert from 'node:assert/strict';
import { Queue } from '../../../src/util/queue.ts';
import { randomFrom } from '../../support/random.ts';
import { collectGarbage } from '../garbage.ts';

function filled(...items: readonly number[]): Queue<number> {
  const queue = new Queue<number>();
  for (const item of items) queue.push(item);
  return queue;
}

describe('Queue', () => {
  it('is first in, first out', () => {
    const queue = filled(1, 2, 3);
    assert.deepEqual([queue.shift(), queue.shift(), queue.shift(), queue.shift()], [1, 2, 3, undefined]);
    assert.equal(queue.length, 0);
  });

  it('shows the next item without taking it', () => {
    const queue = filled(1, 2);
    assert.deepEqual([queue.peek(), queue.peek(), queue.length], [1, 1, 2]);
    assert.equal(filled().peek(), undefined);
  });

  it('takes an item before all others', () => {
    const queue = filled(1, 2);
    queue.shift();
    queue.unshift(0);
    assert.deepEqual(queue.drain(), [0, 2]);
  });

  it('drains everything in order and is empty then', () => {
    const queue = filled(1, 2, 3);
    queue.shift();
    assert.deepEqual(queue.drain(), [2, 3]);
    assert.deepEqual([queue.length, queue.peek()], [0, undefined]);
    queue.push(4);
    assert.equal(queue.shift(), 4);
  });

  it('partitions: keeps in order what is to be kept, returns the rest in order', () => {
    const queue = filled(1, 2, 3, 4, 5);
    queue.shift();
    assert.deepEqual(
      queue.partition((item) => item % 2 === 0),
      [3, 5],
    );
    assert.deepEqual(queue.drain(), [2, 4]);
  });

  it('behaves like an array over 50,000 random calls', () => {
    const random = randomFrom(7);
    const queue = new Queue<number>();
    const model: number[] = [];
    for (let call = 0; call < 50_000; call++) {
      // Rising and falling, so that the emptied front is given back several times.
      const dice = random() + ((call >> 13) % 2 === 0 ? 0.1 : -0.1);
      if (dice < 0.5) assert.equal(queue.shift(), model.shift());
      else if (dice < 0.51) {
        queue.unshift(call);
        model.unshift(call);
      } else {
        queue.push(call);
        model.push(call);
      }
      assert.equal(queue.length, model.length);
      assert.equal(queue.peek(), model[0]);
    }
    assert.deepEqual(queue.drain(), model);
  });

  it('does not keep what was taken alive', async () => {
    const queue = new Queue<object>();
    const items = Array.from({ length: 10 }, () => new WeakRef(push(queue)));
    for (let n = 0; n < 9; n++) queue.shift();
    await collectGarbage();
    assert.deepEqual(
      items.map((item) => item.deref() !== undefined),
      [...Array<boolean>(9).fill(false), true],
    );
  });
});

function push(queue: Queue<object>): object {
  const item = { size: 1 };
  queue.push(item);
  return item;
}
