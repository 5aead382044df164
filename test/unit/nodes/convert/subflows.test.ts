import assert from 'node:assert/strict';
import { COPY_ID, broker, convert, kindsOf, nodeIn, noteOf, publisher, subscriber } from './flows.ts';

const VARIABLE = { name: 'BROKER', type: 'mqtt-broker', value: 'b1', ui: { type: 'conf-types' } };
const subflow = {
  id: 's1',
  type: 'subflow',
  name: 'Meter',
  env: [{ name: 'UNIT', type: 'str', value: 'W' }, VARIABLE],
};
const other = { ...broker, id: 'b2' };
const instance = { id: 'i1', type: 'subflow:s1', z: 'tab1', env: [{ name: 'BROKER', type: 'conf-type', value: 'b2' }] };
const inside = { ...subscriber, z: 's1', broker: '${BROKER}' };

describe('converting subflows', () => {
  it('says that nodes inside a subflow change in each of its instances', () => {
    const conversion = convert([{ id: 's1', type: 'subflow', name: 'Meter' }, { ...subscriber, z: 's1' }, broker]);
    assert.deepEqual(noteOf(conversion, 'inSubflow'), { kind: 'inSubflow', id: 's1', name: 'Meter', count: 1 });
  });

  it('converts the variable by which an instance chooses its broker, with the brokers', () => {
    const conversion = convert([subflow, instance, inside, broker, other]);
    assert.deepEqual(nodeIn(conversion, 's1')['env'], [subflow.env[0], { ...VARIABLE, type: 'mqtt-connection' }]);
    assert.deepEqual(nodeIn(conversion, 'i1'), instance);
    assert.equal(nodeIn(conversion, 'b1').type, 'mqtt-connection');
    assert.equal(nodeIn(conversion, 'b2').type, 'mqtt-connection');
    assert.deepEqual(kindsOf(conversion), ['inSubflow']);
  });

  it('points the variable to the copy where others use the broker', () => {
    const conversion = convert([subflow, instance, inside, broker, other, { ...publisher, broker: 'b2' }], ['in1']);
    assert.deepEqual(nodeIn(conversion, 'i1')['env'], [{ ...instance.env[0], value: COPY_ID }]);
    assert.equal(nodeIn(conversion, 'b1').type, 'mqtt-connection');
    assert.equal(nodeIn(conversion, 'b2').type, 'mqtt-broker');
  });

  it('leaves a variable that nodes outside the selection use too, and says so', () => {
    const second = { ...inside, id: 'in2' };
    const conversion = convert([subflow, instance, inside, second, broker, other], ['in1']);
    assert.deepEqual(nodeIn(conversion, 's1'), subflow);
    assert.equal(nodeIn(conversion, 'b1').type, 'mqtt-broker');
    assert.equal(noteOf(conversion, 'connectionFromVariable').variable, 'BROKER');
  });
});
