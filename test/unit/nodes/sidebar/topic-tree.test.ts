import assert from 'node:assert/strict';
import type { TopicRow } from '../../../../nodes/common/sidebar-answers.ts';
import { type Arrival, TopicTree, TREE_LIMITS } from '../../../../nodes/sidebar/topic-tree.ts';

function arrival(topic: string, payload: string | Buffer = '', more: Partial<Arrival> = {}): Arrival {
  return { topic, payload: Buffer.from(payload), qos: 0, retain: false, ...more };
}

function treeOf(...topics: readonly string[]): TopicTree {
  const tree = new TopicTree();
  for (const topic of topics) tree.take(arrival(topic, '1'), 1000);
  return tree;
}

function all(tree: TopicTree): TopicRow[] {
  return tree.rows(0, 1000).rows;
}

/** As a person sees it. */
function drawn(tree: TopicTree): string[] {
  return all(tree).map(({ depth, label, messages, topics }) => `${'  '.repeat(depth)}${label} ${topics} ${messages}`);
}

function openAll(tree: TopicTree): void {
  for (let opened = -1; opened !== all(tree).length;) {
    opened = all(tree).length;
    for (const { id } of all(tree)) tree.open(id, true);
  }
}

function idOf(tree: TopicTree, label: string): number {
  const row = all(tree).find((each) => each.label === label);
  assert.ok(row !== undefined, `there is a row ${label}`);
  return row.id;
}

describe('The tree of topics', () => {
  it('shows the first level alone, and below it what is opened, each in order, with what is in it', () => {
    const tree = treeOf('house/kitchen/light', 'house/hall', 'house/kitchen/light', 'car', 'house');
    assert.deepEqual(drawn(tree), ['car 1 1', 'house 3 4']);
    tree.open(idOf(tree, 'house'), true);
    assert.deepEqual(drawn(tree), ['car 1 1', 'house 3 4', '  hall 1 1', '  kitchen 1 2']);
    tree.open(idOf(tree, 'house'), false);
    assert.deepEqual(drawn(tree), ['car 1 1', 'house 3 4']);
  });

  it('tells a level that is a topic from one that is only above others', () => {
    const tree = treeOf('a/b');
    openAll(tree);
    assert.deepEqual(
      all(tree).map(({ label, value, hasChildren, up }) => [label, value, hasChildren, up]),
      [
        ['a', undefined, true, -1],
        ['b', '1', false, 0],
      ],
    );
  });

  it('gives a part of the rows, and the number of all of them', () => {
    const tree = treeOf(...Array.from({ length: 500 }, (_, index) => `a/${String(index).padStart(3, '0')}`), 'b');
    openAll(tree);
    const { total, rows } = tree.rows(499, 3);
    assert.equal(total, 502);
    assert.deepEqual(
      rows.map(({ label, up }) => [label, up]),
      [
        ['498', 0],
        ['499', 0],
        ['b', -1],
      ],
    );
  });

  it('finds topics by a part of them, without regard to case, also those that come later', () => {
    const tree = treeOf('house/Kitchen/light', 'garden');
    assert.deepEqual(
      tree.search('KITCH', 0, 10).rows.map(({ label }) => label),
      ['house/Kitchen/light'],
    );
    tree.take(arrival('a/kitchen'), 1000);
    assert.deepEqual(
      tree.search('kitch', 0, 10).rows.map(({ label }) => label),
      ['a/kitchen', 'house/Kitchen/light'],
    );
    assert.deepEqual(tree.search('kitch', 1, 10), { total: 2, rows: tree.search('kitch', 0, 10).rows.slice(1) });
  });

  it('knows what is retained until that is cleared', () => {
    const tree = treeOf('a');
    tree.watch(0);
    const retained = (more: Partial<Arrival>, payload: string): boolean | undefined => {
      tree.take(arrival('a', payload, more), 2000);
      return tree.watched?.retained;
    };
    assert.deepEqual(
      [
        tree.watched?.retained,
        retained({ retain: true, qos: 1 }, 'x'),
        retained({ retain: false }, 'y'),
        retained({ retain: true }, ''),
      ],
      [false, true, true, false],
    );
  });

  it('does not say what it cannot know: before MQTT 5 what is live has no flag', () => {
    const tree = new TopicTree();
    tree.retainAsPublished = false;
    tree.take(arrival('a', 'x', { retain: true }), 1000);
    tree.take(arrival('b', 'x'), 1000);
    const retained = (id: number): boolean | undefined => {
      tree.watch(id);
      return tree.watched?.retained;
    };
    assert.deepEqual([retained(0), retained(1)], [true, undefined]);
    tree.take(arrival('a', 'y'), 1000);
    assert.equal(retained(0), true);
    tree.take(arrival('a', ''), 1000);
    assert.equal(retained(0), undefined);
  });

  it('has of the topic that a person looks at all that is told of it, and its last numbers from then on', () => {
    const tree = treeOf('a/b');
    openAll(tree);
    const id = idOf(tree, 'b');
    tree.watch(id);
    const { messages, at, qos, size, payload, numbers, topic } = tree.watched ?? assert.fail('it is looked at');
    assert.deepEqual([topic, messages, at, qos, size, payload, numbers], ['a/b', 1, 1000, 0, 1, 'MQ==', []]);
    for (const value of ['20.5', ' -3 ', 'warm', '1e3', '']) tree.take(arrival('a/b', value, { qos: 2 }), 2000);
    assert.deepEqual([tree.watched?.numbers, tree.watched?.qos, tree.watched?.size], [[20.5, -3, 1000], 2, 0]);
    tree.watch(null);
    assert.equal(tree.watched, undefined);
  });

  it('remembers 120 numbers', () => {
    const tree = treeOf('a');
    tree.watch(0);
    for (let number = 0; number < 1000; number++) tree.take(arrival('a', String(number)), 2000);
    assert.deepEqual([tree.watched?.numbers.length, tree.watched?.numbers.at(-1)], [120, 999]);
  });
});

describe('The tree of topics, of what is hostile or too much', () => {
  const small = { ...TREE_LIMITS, topics: 3, levels: 5, characters: 20, depth: 3, value: 4, values: 64 };

  it('keeps so many topics, and counts what comes to others', () => {
    const tree = new TopicTree(small);
    for (const topic of ['a', 'b', 'c', 'd', 'd', 'a']) tree.take(arrival(topic), 1000);
    assert.deepEqual([tree.topics, tree.messages, tree.beyond], [3, 6, 2]);
    assert.deepEqual(drawn(tree), ['a 1 2', 'b 1 1', 'c 1 1']);
  });

  it('keeps so many levels, and none of a topic that has too many', () => {
    const tree = new TopicTree(small);
    for (const topic of ['a/b/c', 'd/e/f', 'd']) tree.take(arrival(topic), 1000);
    openAll(tree);
    assert.deepEqual(drawn(tree), ['a 1 1', '  b 1 1', '    c 1 1', 'd 1 1']);
    assert.equal(tree.beyond, 1);
  });

  it('keeps so many characters of topics', () => {
    const tree = new TopicTree(small);
    for (const topic of ['x'.repeat(21), 'y'.repeat(20)]) tree.take(arrival(topic), 1000);
    assert.deepEqual([tree.topics, tree.beyond], [1, 1]);
  });

  it('keeps so much of a value, and so much of all of them', () => {
    const tree = new TopicTree({ ...small, values: 4 });
    for (const topic of ['a', 'b']) tree.take(arrival(topic, '123456'), 1000);
    assert.deepEqual(
      all(tree).map(({ value }) => value),
      ['1234…', '…'],
    );
  });

  it('allocates nothing for values of a length that it has seen', () => {
    const tree = new TopicTree({ ...small, values: 16 });
    for (let count = 0; count < 100; count++) tree.take(arrival('a', `12${count}`), 1000);
    assert.equal(all(tree)[0]?.value, '1299');
  });

  it('shows more of the value that a person looks at, and of that not everything', () => {
    const tree = new TopicTree(small);
    tree.take(arrival('a', 'x'.repeat(100)), 1000);
    tree.watch(0);
    assert.equal(Buffer.from(tree.watched?.payload ?? '', 'base64').length, 4);
    tree.take(arrival('a', 'x'.repeat(3_000_000)), 1000);
    assert.deepEqual(
      [Buffer.from(tree.watched?.payload ?? '', 'base64').length, tree.watched?.size],
      [65_536, 3_000_000],
    );
  });

  it('has the rest of a topic of 10,000 levels as one', () => {
    const tree = new TopicTree();
    tree.take(arrival('a/'.repeat(10_000), '1'), 1000);
    openAll(tree);
    assert.equal(all(tree).length, TREE_LIMITS.depth + 1);
    assert.equal(all(tree).at(-1)?.label.length, 201);
  });

  it('cuts a topic of 65,535 bytes in a row, and has it whole for who looks at it', () => {
    const topic = 'ä'.repeat(32_767);
    const tree = treeOf(topic);
    tree.watch(0);
    assert.equal(all(tree)[0]?.label, `${'ä'.repeat(200)}…`);
    assert.equal(tree.watched?.topic, topic);
  });

  it('shows unseen characters of topics and values as their escapes', () => {
    const tree = new TopicTree();
    tree.take(arrival('a\u001b[31m\u202e', 'line\nbreak\u0000'), 1000);
    assert.deepEqual([all(tree)[0]?.label, all(tree)[0]?.value], ['a\\u001b[31m\\u202e', 'line\\nbreak\\u0000']);
  });

  it('shows in hexadecimal what is no text, and as text what was cut within a character', () => {
    const tree = new TopicTree();
    tree.take(arrival('a', Buffer.from('ff00fe', 'hex')), 1000);
    tree.take(arrival('b', 'ä'.repeat(1000)), 1000);
    tree.take(arrival('c', Buffer.concat([Buffer.from('c3', 'hex'), Buffer.alloc(99, 'x')])), 1000);
    assert.deepEqual(
      all(tree).map(({ value }) => value),
      ['0xff00fe', `${'ä'.repeat(60)}…`, `0xc3${'78'.repeat(23)}…`],
    );
  });

  it('takes __proto__ and its like, and empty levels, as any other', () => {
    const tree = treeOf('__proto__/constructor', '/', 'toString');
    openAll(tree);
    assert.deepEqual(drawn(tree), [' 1 1', '   1 1', '__proto__ 1 1', '  constructor 1 1', 'toString 1 1']);
  });

  it('knows no level that nobody gave it', () => {
    const tree = treeOf('a/b');
    tree.open(99, true);
    tree.watch(99);
    tree.watch(0);
    assert.deepEqual([all(tree).length, tree.watched], [1, undefined]);
  });
});
