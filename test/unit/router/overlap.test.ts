import assert from 'node:assert/strict';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import { overlaps } from '../../../src/router/overlap.ts';
import { allFilters, allTopics, matches } from './naive.ts';

function overlap(a: string, b: string): boolean {
  return overlaps(a as TopicFilter, b as TopicFilter);
}

describe('overlaps', () => {
  it('says whether any topic matches both, all pairs of filters of a small alphabet', () => {
    // The empty topic, which nobody can publish to, is the parent of `/#`: told as an overlap, which does no harm.
    const topics = ['', ...allTopics(4)];
    const filters = allFilters(3);
    const matched = new Map(filters.map((filter) => [filter, topics.filter((topic) => matches(filter, topic))]));
    for (const a of filters) {
      const mine = new Set(matched.get(a));
      for (const b of filters) {
        const expected = (matched.get(b) ?? []).some((topic) => mine.has(topic));
        assert.equal(overlap(a, b), expected, `${a} and ${b}`);
      }
    }
  });

  it('looks at the filter behind a share name', () => {
    assert.equal(overlap('$share/g/a/#', 'a/b'), true);
    assert.equal(overlap('$share/g/a', '$share/h/a'), true);
    assert.equal(overlap('$share/g/a', '$share/g/b'), false);
  });
});
