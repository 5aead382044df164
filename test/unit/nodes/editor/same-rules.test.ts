import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { filterOverlap } from '../../../../nodes/editor/filter-overlap.ts';
import { topicFilterProblem } from '../../../../nodes/editor/topic-filter.ts';
import { topicNameProblem } from '../../../../nodes/editor/topic-name.ts';
import { parseTopicFilter, parseTopicName } from '../../../../src/index.ts';
import { overlaps } from '../../../../src/router/overlap.ts';

/** Topics and filters, right and wrong: few words, so that they meet, with everything that the rules speak of. */
const level = fc.constantFrom('', 'a', 'b', '+', '#', '$share', '$SYS', 'a+', '#b', '\0', '\ud800', 'ü', '😀', ' ');
const topic = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/'));
const long = fc.constantFrom(
  ...[65_534, 65_535, 65_536].flatMap((length) => ['x'.repeat(length), 'ü'.repeat(length / 2)]),
);
const filter = topic.filter((text) => topicFilterProblem(text) === undefined);

function isTaken(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    // Refused: that is the answer.
    return false;
  }
}

describe('the dialogs and the engine', () => {
  it('agree about which topics there are', () => {
    const agree = (text: string): void =>
      assert.equal(topicNameProblem(text) === undefined, isTaken(parseTopicName, text), JSON.stringify(text));
    fc.assert(fc.property(fc.oneof({ arbitrary: topic, weight: 50 }, long), agree), { numRuns: 3000 });
  });

  it('agree about which filters there are', () => {
    const agree = (text: string): void =>
      assert.equal(topicFilterProblem(text) === undefined, isTaken(parseTopicFilter, text), JSON.stringify(text));
    fc.assert(fc.property(fc.oneof({ arbitrary: topic, weight: 50 }, long), agree), { numRuns: 3000 });
  });

  it('agree about which filters share a topic', () => {
    const agree = (a: string, b: string): void =>
      assert.equal(filterOverlap(a, b) !== 'none', overlaps(parseTopicFilter(a), parseTopicFilter(b)), `${a} and ${b}`);
    fc.assert(fc.property(filter, filter, agree), { numRuns: 5000 });
  });
});
