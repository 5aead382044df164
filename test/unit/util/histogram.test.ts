import assert from 'node:assert/strict';
import { Histogram } from '../../../src/util/histogram.ts';

describe('Histogram', () => {
  it('counts what is in a range, its upper end too, and what is above all of them', () => {
    const histogram = new Histogram([1, 10]);
    for (const value of [0, 1, 1.5, 10, 10.1, 1e9, Infinity]) histogram.count(value);
    assert.deepEqual(histogram.counts, [2, 2, 3]);
    assert.deepEqual(histogram.bounds, [1, 10]);
  });

  it('adds up', () => {
    const histogram = new Histogram([1]);
    histogram.count(0.5);
    histogram.count(3);
    assert.equal(histogram.sum, 3.5);
  });
});
