import assert from 'node:assert/strict';
import { ACK_TIMEOUT, AT_ONCE, waitsForFlow } from '../../../../nodes/common/acknowledge-fields.ts';
import { hasMqttAck, noAckWarning } from '../../../../nodes/editor/acknowledgement.ts';
import { numberProblem } from '../../../../nodes/editor/value-problem.ts';

describe('how many messages may be in the flow at once', () => {
  for (const value of [1, '1', '20', '1000', '', undefined, '${AT_ONCE}']) {
    it(`may be ${JSON.stringify(value) ?? 'missing'}`, () => assert.equal(numberProblem(value, AT_ONCE), undefined));
  }

  it('is a whole number from 1 to 1000', () => {
    const outOfRange = { key: 'outOfRange', values: { value: '0', least: 1, most: 1000 } };
    assert.deepEqual(numberProblem('0', AT_ONCE), outOfRange);
    assert.equal(numberProblem(1001, AT_ONCE)?.key, 'outOfRange');
    assert.equal(numberProblem('-5', AT_ONCE)?.key, 'outOfRange');
    assert.equal(numberProblem('2.5', AT_ONCE)?.key, 'notWhole');
    assert.equal(numberProblem('five', AT_ONCE)?.key, 'notNumber');
  });
});

describe('how long a message may be in the flow', () => {
  for (const value of [1, '60', '86400', '', undefined, '${PATIENCE}']) {
    it(`may be ${JSON.stringify(value) ?? 'missing'}`, () =>
      assert.equal(numberProblem(value, ACK_TIMEOUT), undefined));
  }

  it('is a whole number of seconds, a day at most', () => {
    assert.equal(numberProblem('0', ACK_TIMEOUT)?.key, 'outOfRange');
    assert.equal(numberProblem('86401', ACK_TIMEOUT)?.key, 'outOfRange');
    assert.equal(numberProblem('0.5', ACK_TIMEOUT)?.key, 'notWhole');
    assert.equal(numberProblem('never', ACK_TIMEOUT)?.key, 'notNumber');
  });
});

describe('the flow acknowledges', () => {
  it('where it was chosen, and not in a flow that has no such field', () => {
    assert.deepEqual(['flow', 'received', '', undefined, true].map(waitsForFlow), [true, false, false, false, false]);
  });

  it('by an mqtt-ack that is disabled neither by itself nor with its tab', () => {
    const disabled = (id: unknown): boolean => id === 'off';
    const ack = { type: 'mqtt-ack', z: 'on' };
    assert.equal(hasMqttAck([], disabled), false);
    assert.equal(hasMqttAck([{ type: 'mqtt-in', z: 'on' }, ack], disabled), true);
    assert.equal(hasMqttAck([{ ...ack, d: true }], disabled), false);
    assert.equal(hasMqttAck([{ ...ack, z: 'off' }], disabled), false);
  });

  it('never where nothing does and no time is set, which is another warning', () => {
    assert.equal(noAckWarning('60'), 'noAck');
    assert.equal(noAckWarning(''), 'noAckNoLimit');
  });
});
