import assert from 'node:assert/strict';
import { offeredTopics } from '../../../../nodes/sidebar/offered-topics.editor.ts';
import { Rate } from '../../../../nodes/sidebar/rates.editor.ts';

describe('A rate', () => {
  it('is what a counter rose by in a second', () => {
    const rate = new Rate();
    rate.read(100, 1000);
    assert.equal(rate.now, undefined);
    rate.read(150, 3000);
    assert.equal(rate.now, 25);
  });

  it('begins anew with a counter that went back, and reads nothing twice', () => {
    const rate = new Rate();
    for (const [count, at] of [
      [100, 1000],
      [100, 1000],
      [3, 2000],
      [5, 3000],
    ] as const) {
      rate.read(count, at);
    }
    assert.deepEqual(rate.values, [2]);
  });

  it('remembers sixty of them', () => {
    const rate = new Rate();
    for (let second = 0; second <= 100; second++) rate.read(second * second, second * 1000);
    assert.deepEqual([rate.values.length, rate.now], [60, 199]);
  });
});

describe('Topics that are offered', () => {
  it('contain what was typed, each once, without regard to case', () => {
    assert.deepEqual(offeredTopics('HALL', ['a/hall', 'b', 'a/hall', 'Hall'], false), ['a/hall', 'Hall']);
  });

  it('are no filters where one publishes, none too long, and no more than fifty', () => {
    assert.deepEqual(offeredTopics('', ['a/#', 'a/+', 'a', '', 'x'.repeat(201)], true), ['a']);
    assert.deepEqual(offeredTopics('', ['a/#'], false), ['a/#']);
    assert.equal(
      offeredTopics(
        '',
        Array.from({ length: 99 }, (_, index) => `${index}`),
        true,
      ).length,
      50,
    );
  });
});
