import assert from 'node:assert/strict';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import { TopicTrie } from '../../../src/router/topic-trie.ts';
import { randomFrom } from '../../support/random.ts';
import { heapInUse } from '../garbage.ts';
import { allFilters, allTopics, matches, randomFilter, randomTopic } from './naive.ts';

const asFilter = (text: string): TopicFilter => text as TopicFilter;

function trieOf(filters: readonly string[]): TopicTrie<string> {
  const trie = new TopicTrie<string>();
  for (const filter of filters) trie.set(asFilter(filter), filter);
  return trie;
}

function found(trie: TopicTrie<string>, topic: string): string[] {
  const all: string[] = [];
  trie.match(topic, (filter) => all.push(filter));
  return all.sort();
}

describe('TopicTrie', () => {
  describe('matches by every rule of section 4.7 [MQTT-4.7.3-4] [MQTT-4.7.2-1]', () => {
    const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
      ['a/b', ['a/b'], ['a', 'a/b/c', 'a/B', '/a/b', 'a/b/', 'a//b']],
      ['a/+', ['a/b', 'a/'], ['a', 'a/b/c', 'b/b', '/a']],
      ['+', ['a'], ['/a', 'a/', 'a/b', '$a']],
      ['+/+', ['a/b', '/', 'a/', '/b'], ['a', 'a/b/c', '$a/b']],
      ['/+', ['/a', '/'], ['a', '//']],
      ['a/+/b', ['a/x/b', 'a//b'], ['a/b', 'a/x/y/b']],
      ['#', ['a', 'a/b', '/', '//', 'a/'], ['$', '$SYS', '$SYS/a']],
      ['a/#', ['a', 'a/', 'a/b', 'a/b/c', 'a//'], ['b', 'ab', '/a']],
      ['+/#', ['a', 'a/b', '/', '/a/b'], ['$a', '$a/b']],
      ['/#', ['/', '/a', '/a/b', '//'], ['a', 'a/b']],
      ['$SYS/#', ['$SYS', '$SYS/', '$SYS/a/b'], ['SYS', '$sys/a', 'a/$SYS']],
      ['$SYS/+', ['$SYS/a', '$SYS/'], ['$SYS', '$SYS/a/b']],
      ['a/+', ['a/$b'], []],
      ['a/#', ['a/$b'], []],
      ['é', ['é'], ['e\u0301', 'É', 'e']],
      ['a b', ['a b'], ['ab', 'a  b']],
      ['{2}/(x)*', ['{2}/(x)*'], ['22/x']],
      ['__proto__/constructor', ['__proto__/constructor'], ['__proto__', 'constructor']],
    ];
    for (const [filter, matched, others] of rows) {
      it(`${filter} matches ${matched.join(' · ')}${others.length > 0 ? `, not ${others.join(' · ')}` : ''}`, () => {
        const trie = trieOf([filter]);
        for (const topic of matched) assert.deepEqual(found(trie, topic), [filter], topic);
        for (const topic of others) assert.deepEqual(found(trie, topic), [], topic);
      });
    }
  });

  it('finds what a naive matcher finds, all filters and topics of a small alphabet', () => {
    const filters = allFilters(3);
    const trie = trieOf(filters);
    for (const topic of allTopics(4)) {
      assert.deepEqual(found(trie, topic), filters.filter((filter) => matches(filter, topic)).sort(), topic);
    }
  });

  it('finds what a naive matcher finds while filters come and go, 20 seeds', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = randomFrom(seed);
      const trie = new TopicTrie<string>();
      const model = new Set<string>();
      for (let step = 0; step < 400; step++) {
        const filter = randomFilter(random);
        if (random() < 0.6) {
          trie.set(asFilter(filter), filter);
          model.add(filter);
        } else {
          trie.delete(asFilter(filter));
          model.delete(filter);
        }
        const topic = randomTopic(random);
        const expected = [...model].filter((each) => matches(each, topic)).sort();
        assert.deepEqual(found(trie, topic), expected, `seed ${seed}, step ${step}, ${topic}`);
        assert.equal(trie.get(asFilter(filter)), model.has(filter) ? filter : undefined);
      }
    }
  });

  it('visits each filter once per topic', () => {
    const trie = trieOf(['a/b', 'a/+', '+/b', '+/+', 'a/#', '#', '+/#', 'a/b/#']);
    assert.equal(found(trie, 'a/b').length, 8);
  });

  it('keeps the latest value of a filter', () => {
    const trie = new TopicTrie<number>();
    for (const value of [1, 2]) trie.set(asFilter('a/#'), value);
    assert.equal(trie.get(asFilter('a/#')), 2);
  });

  it('keeps apart what is filed under a level, under its # and under its +', () => {
    const trie = trieOf(['a', 'a/#', 'a/+']);
    trie.delete(asFilter('a'));
    assert.deepEqual(found(trie, 'a'), ['a/#']);
    trie.delete(asFilter('a/#'));
    assert.deepEqual(found(trie, 'a/x'), ['a/+']);
  });

  it('deletes what is not there without harm', () => {
    const trie = trieOf(['a/b']);
    for (const filter of ['a', 'a/#', 'a/+', 'a/b/c', '#', '+', 'x/y']) trie.delete(asFilter(filter));
    assert.deepEqual(found(trie, 'a/b'), ['a/b']);
  });

  it('keeps no branch that leads nowhere: 30,000 filters that were deleted cost no memory', async () => {
    const trie = new TopicTrie<number>();
    const filterOf = (n: number): TopicFilter => asFilter(`house/${n}/${n % 2 === 0 ? '+/x' : 'y/#'}`);
    const before = await heapInUse();
    for (let n = 0; n < 30_000; n++) trie.set(filterOf(n), n);
    const full = (await heapInUse()) - before;
    for (let n = 0; n < 30_000; n++) trie.delete(filterOf(n));
    const left = (await heapInUse()) - before;
    assert.ok(left < full / 5, `${left} of ${full} bytes are left`);
    assert.equal(trie.get(filterOf(1)), undefined);
  });

  it('tells which filters cover another: all of its topics match them, small alphabet', () => {
    const filters = allFilters(3);
    const trie = trieOf(filters);
    const topics = allTopics(4);
    const matched = new Map(filters.map((filter) => [filter, topics.filter((topic) => matches(filter, topic))]));
    for (const filter of filters) {
      const covering: string[] = [];
      trie.covering(asFilter(filter), (other) => covering.push(other));
      const mine = matched.get(filter) ?? [];
      const expected = filters.filter((other) => {
        const theirs = new Set(matched.get(other));
        return mine.every((topic) => theirs.has(topic));
      });
      // Where the alphabet is too small, more topics are covered than in truth; what is told must be true at least.
      for (const other of covering) assert.ok(expected.includes(other), `${other} does not cover ${filter}`);
      assert.ok(covering.includes(filter), `${filter} covers itself`);
      assert.equal(new Set(covering).size, covering.length);
    }
  });

  describe('a filter as deep as a string can be', () => {
    const plain = `${'a/'.repeat(32_767)}a`;
    const wild = `${'+/'.repeat(32_767)}+`;

    for (const [what, filter] of [
      ['levels', plain],
      ['single-level wildcards', wild],
      ['empty levels', '/'.repeat(65_535)],
      ['levels before a #', `${'a/'.repeat(32_766)}#`],
    ] as const) {
      it(`of ${what} is filed, found, covered and deleted: it overflows no stack`, () => {
        const deep = asFilter(filter);
        const trie = trieOf([plain, wild, '#', deep, 'a/b']);
        const topic = filter.includes('/#') || filter === wild ? plain : filter;
        assert.ok(found(trie, topic).includes(filter));
        const covering: string[] = [];
        trie.covering(deep, (other) => covering.push(other));
        assert.ok(covering.includes(filter) && covering.includes('#'));
        trie.delete(deep);
        assert.equal(trie.get(deep), undefined);
        assert.deepEqual(found(trie, 'a/b'), ['#', 'a/b']);
      });
    }
  });

  const coverings: readonly (readonly [string, readonly string[]])[] = [
    ['a/b', ['#', '+/#', '+/b', 'a/#', 'a/+', 'a/b']],
    ['a/+', ['#', '+/#', 'a/#', 'a/+']],
    ['a/#', ['#', '+/#', 'a/#']],
    ['#', ['#']],
    ['+/#', ['#', '+/#']],
    ['$SYS/a', ['$SYS/#', '$SYS/a']],
  ];
  for (const [filter, expected] of coverings) {
    it(`${filter} is covered by ${expected.join(' · ')}`, () => {
      const trie = trieOf(['#', '+/#', '+/b', 'a/#', 'a/+', 'a/b', '$SYS/#', '$SYS/a', 'a/b/c', 'b/#']);
      const covering: string[] = [];
      trie.covering(asFilter(filter), (other) => covering.push(other));
      assert.deepEqual(covering.sort(), [...expected].sort());
    });
  }
});
