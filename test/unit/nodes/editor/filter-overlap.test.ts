import assert from 'node:assert/strict';
import { filterOverlap } from '../../../../nodes/editor/filter-overlap.ts';

const CASES: readonly (readonly [string, string, ReturnType<typeof filterOverlap>])[] = [
  ['a/b', 'a/b', 'identical'],
  ['a/b', 'a/c', 'none'],
  ['a/b', 'a/b/c', 'none'],
  ['a/b', 'a/b/', 'none'],
  ['a/+', 'a/b', 'overlapping'],
  ['a/+', 'a/', 'overlapping'],
  ['a/+', 'a', 'none'],
  ['a/#', 'a', 'overlapping'],
  ['a/#', 'a/b/c', 'overlapping'],
  ['a/#', 'b/#', 'none'],
  ['a/+/c', '+/b/+', 'overlapping'],
  ['a/+/c', '+/b/d', 'none'],
  ['+/+', '#', 'overlapping'],
  ['#', '$SYS/x', 'none'],
  ['+/x', '$SYS/x', 'none'],
  ['$SYS/#', '$SYS/x', 'overlapping'],
  ['a/#', 'a/$b', 'overlapping'],
  ['$share/g/a/+', 'a/b', 'overlapping'],
  ['$share/g/a', '$share/h/a', 'overlapping'],
  ['$share/g/#', '$SYS/x', 'none'],
  ['A', 'a', 'none'],
];

describe('filterOverlap', () => {
  for (const [a, b, expected] of CASES) {
    it(`${a} and ${b}: ${expected}`, () => {
      assert.equal(filterOverlap(a, b), expected);
      assert.equal(filterOverlap(b, a), expected);
    });
  }

  it('agrees with matching every short topic one by one', () => {
    const filters = filtersOfLevels(['a', '+', '$'], 2);
    const topics = topicsOfLevels(['a', 'b', '', '$'], 3);
    for (const one of filters) {
      for (const other of filters) {
        const shared = topics.some((topic) => matches(one, topic) && matches(other, topic));
        assert.equal(filterOverlap(one, other) !== 'none', shared, `${one} and ${other}`);
      }
    }
  });
});

function topicsOfLevels(levels: readonly string[], most: number): string[] {
  let topics: string[] = levels.filter((level) => level !== '');
  let last: string[] = [...levels];
  for (let count = 1; count < most; count += 1) {
    last = last.flatMap((start) => levels.map((level) => `${start}/${level}`));
    topics = [...topics, ...last];
  }
  return topics;
}

function filtersOfLevels(levels: readonly string[], most: number): string[] {
  const plain = topicsOfLevels(levels, most);
  return [...plain, '#', ...plain.map((filter) => `${filter}/#`)];
}

// The rules of section 4.7, written for one topic and as a regular expression: another way than the one under test.
function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const pattern = filter.replaceAll('$', '\\$').replaceAll('+', '[^/]*').replace(/\/#$/, '(/.*)?').replace(/^#$/, '.*');
  return new RegExp(`^${pattern}$`).test(topic);
}
