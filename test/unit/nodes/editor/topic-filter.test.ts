import assert from 'node:assert/strict';
import { topicFilterProblem } from '../../../../nodes/editor/topic-filter.ts';

const VALID = [
  'a',
  '/',
  '//',
  'a//b',
  'a/',
  '/a',
  '#',
  '+',
  '+/+',
  'a/#',
  'a/+/b',
  '+/#',
  'a b/ü',
  'a/{2}',
  '$SYS/#',
  '$share/group/a/+/#',
  '$share/group//a',
  '$share/group/#',
];

const INVALID: readonly (readonly [string, string])[] = [
  ['', 'empty'],
  ['a\0b', 'nul'],
  ['x'.repeat(65_536), 'tooLong'],
  ['ü'.repeat(32_768), 'tooLong'],
  ['a#', 'hashNotAlone'],
  ['a/#b', 'hashNotAlone'],
  ['#/a', 'hashNotLast'],
  ['a/#/b', 'hashNotLast'],
  ['a+', 'plusNotAlone'],
  ['a/+b/c', 'plusNotAlone'],
  ['$share/', 'shareName'],
  ['$share//a', 'shareName'],
  ['$share/+/a', 'shareName'],
  ['$share/group', 'shareFilter'],
  ['$share/group/', 'shareFilter'],
  ['$share/group/a/#/b', 'hashNotLast'],
];

describe('topicFilterProblem', () => {
  for (const filter of VALID) {
    it(`accepts ${JSON.stringify(filter)}`, () => assert.equal(topicFilterProblem(filter), undefined));
  }

  for (const [filter, key] of INVALID) {
    it(`says ${key} of ${JSON.stringify(filter.slice(0, 20))}`, () =>
      assert.equal(topicFilterProblem(filter)?.key, key));
  }

  it('accepts the longest topic, 65,535 bytes', () => assert.equal(topicFilterProblem('x'.repeat(65_535)), undefined));

  it('names the topic and the level that is wrong', () =>
    assert.deepEqual(topicFilterProblem('house/room#/x')?.values, { topic: 'house/room#/x', level: 'room#' }));
});
