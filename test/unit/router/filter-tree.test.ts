import assert from 'node:assert/strict';
import { FilterTree } from '../../../src/router/filter-tree.ts';
import { randomFrom, wholeNumber } from '../../support/random.ts';
import { allFilters, allTopics, matches } from './naive.ts';

/** Whether each Topic Name that `filter` matches is one of `by`: tried with every topic of a small alphabet. */
function covers(by: string, filter: string, topics: readonly string[]): boolean {
  return topics.every((topic) => !matches(filter, topic) || matches(by, topic));
}

/** `#` and `+/#` match the same, and neither is found to cover the other one way round. */
const sameAsAll = (filter: string): boolean => filter === '#' || filter === '+/#';

describe('FilterTree', () => {
  const filters = allFilters(2);
  // One level more than the filters, so that a # is told from a + at the end.
  const topics = allTopics(4);

  it('finds the filters that cover another, and those that it covers, as trying every topic does', () => {
    const tree = new FilterTree<string>();
    for (const filter of filters) tree.set(filter, filter);
    for (const filter of filters) {
      const others = filters.filter((other) => !(sameAsAll(filter) && sameAsAll(other)) || other === filter);
      const covering = others.filter((other) => covers(other, filter, topics));
      const covered = others.filter((other) => covers(filter, other, topics));
      const known = (found: string[]): string[] => found.filter((other) => others.includes(other)).sort();
      assert.deepEqual(known(tree.covering(filter)), covering.sort(), `covering ${filter}`);
      assert.deepEqual(known(tree.covered(filter)), covered.sort(), `covered by ${filter}`);
    }
  });

  it('the two questions have one answer, while filters come and go', () => {
    const random = randomFrom(1);
    const tree = new FilterTree<string>();
    const there = new Set<string>();
    for (let step = 0; step < 2000; step++) {
      const filter = filters[wholeNumber(random, 0, filters.length - 1)] ?? '#';
      if (random() < 0.5) tree.set(filter, filter);
      else tree.delete(filter);
      if (tree.covering(filter).includes(filter)) there.add(filter);
      else there.delete(filter);
      for (const other of tree.covered(filter)) assert.ok(tree.covering(other).includes(filter) || !there.has(filter));
      for (const other of tree.covering(filter)) assert.ok(tree.covered(other).includes(filter) || !there.has(filter));
    }
    for (const filter of filters) tree.delete(filter);
    assert.deepEqual(tree.covered('#'), []);
    assert.deepEqual(tree.covering('a/a'), []);
  });

  it('a filter of 30,000 levels is no deeper than it can go', () => {
    const tree = new FilterTree<string>();
    const deep = `${'a/'.repeat(30_000)}#`;
    tree.set(deep, 'deep');
    tree.set('#', 'all');
    assert.deepEqual(tree.covering(deep).sort(), ['all', 'deep']);
    assert.deepEqual(tree.covered('#').sort(), ['all', 'deep']);
    tree.delete(deep);
    assert.deepEqual(tree.covered('#'), ['all']);
  });
});
