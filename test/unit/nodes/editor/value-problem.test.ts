import assert from 'node:assert/strict';
import { quotedValue } from '../../../../nodes/editor/quoted-value.ts';
import { numberProblem, userPropertiesProblem } from '../../../../nodes/editor/value-problem.ts';

const PORT = { least: 1, most: 65_535 };

describe('numberProblem', () => {
  for (const value of ['', undefined, 1883, '1883', ' 1 ', '${PORT}']) {
    it(`accepts ${JSON.stringify(value) ?? 'nothing'}`, () => assert.equal(numberProblem(value, PORT), undefined));
  }

  it('says what is wrong with which value', () => {
    assert.deepEqual(numberProblem('18x', PORT), { key: 'notNumber', values: { value: '18x' } });
    assert.deepEqual(numberProblem('1.5', PORT), { key: 'notWhole', values: { value: '1.5' } });
    assert.deepEqual(numberProblem(0, PORT), { key: 'outOfRange', values: { value: '0', least: 1, most: 65_535 } });
    assert.equal(numberProblem('Infinity', PORT)?.key, 'notNumber');
  });

  it('accepts a fraction where the range allows one', () =>
    assert.equal(numberProblem('0.5', { least: 0, most: 1, fraction: true }), undefined));
});

describe('userPropertiesProblem', () => {
  it('accepts a JSON object, nothing, or an environment variable', () => {
    for (const value of ['{"a":"b"}', '{}', '', undefined, '${PROPS}']) {
      assert.equal(userPropertiesProblem(value), undefined);
    }
  });

  it('refuses what is not JSON and what is not an object', () => {
    assert.equal(userPropertiesProblem('{a:1}')?.key, 'notJson');
    for (const value of ['[1]', '"a"', '1', 'null']) assert.equal(userPropertiesProblem(value)?.key, 'notObject');
  });
});

describe('quotedValue', () => {
  it('cannot become markup, which an imported flow could hold', () =>
    assert.equal(quotedValue('<img onerror=x>&lt;'), '‹img onerror=x›＆lt;'));

  it('makes control characters visible and cuts what is long', () => {
    assert.equal(quotedValue('a\0b'), 'aU+0000b');
    assert.equal(quotedValue('\u202egnp.exe'), 'U+202Egnp.exe');
    assert.equal(quotedValue('x'.repeat(70)), `${'x'.repeat(60)}…`);
  });
});
