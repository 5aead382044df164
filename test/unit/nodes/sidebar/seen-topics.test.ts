import assert from 'node:assert/strict';
import { SeenTopics } from '../../../../nodes/sidebar/seen-topics.ts';

describe('Topics that watches have seen', () => {
  it('are remembered by connection, the latest watch first, each once', () => {
    const seen = new SeenTopics();
    seen.add('c', ['a', 'b']);
    seen.add('c', ['b', 'd']);
    seen.add('other', ['z']);
    assert.deepEqual(seen.of('c'), ['b', 'd', 'a']);
    assert.deepEqual(seen.of('nobody'), []);
  });

  it('are not more than 2,000, and none longer than 200 characters', () => {
    const seen = new SeenTopics();
    seen.add('c', ['x'.repeat(201), ...Array.from({ length: 3000 }, (_, index) => `${index}`)]);
    assert.deepEqual([seen.of('c').length, seen.of('c')[0]], [2000, '0']);
  });

  it('are forgotten with their connection', () => {
    const seen = new SeenTopics();
    seen.add('c', ['a']);
    seen.prune((id) => id !== 'c');
    assert.deepEqual(seen.of('c'), []);
  });
});
