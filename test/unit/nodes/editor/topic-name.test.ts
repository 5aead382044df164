import assert from 'node:assert/strict';
import { topicNameProblem } from '../../../../nodes/editor/topic-name.ts';

describe('topicNameProblem', () => {
  for (const topic of ['a', '/', 'a//b', '$SYS/x', 'tab\tin it', 'ü/{2}']) {
    it(`accepts ${JSON.stringify(topic)}`, () => assert.equal(topicNameProblem(topic), undefined));
  }

  it('refuses wildcards and names the one it found', () => {
    assert.deepEqual(topicNameProblem('a/+'), { key: 'wildcardInName', values: { topic: 'a/+', wildcard: '+' } });
    assert.deepEqual(topicNameProblem('a#b'), { key: 'wildcardInName', values: { topic: 'a#b', wildcard: '#' } });
  });

  it('refuses an empty topic and U+0000', () => {
    assert.equal(topicNameProblem('')?.key, 'empty');
    assert.equal(topicNameProblem('a\0')?.key, 'nul');
  });
});
