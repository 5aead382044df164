import assert from 'node:assert/strict';
import { overridden } from '../../../../nodes/common/broker-override.ts';
import { ANNOUNCEMENTS, CONNECTION_FIELDS } from '../../../../nodes/common/config.ts';

describe('msg.broker', () => {
  for (const field of CONNECTION_FIELDS) {
    it(`replaces the stored ${field}`, () => {
      assert.deepEqual(overridden({ [field]: 'stored' }, { [field]: 'other' })[field], 'other');
      assert.deepEqual(overridden({ [field]: 'stored' }, {})[field], 'stored');
    });
  }

  for (const kind of ANNOUNCEMENTS) {
    it(`replaces the stored ${kind} message`, () => {
      const broker = { [kind]: { topic: 't', payload: 'p', qos: 1, retain: true, properties: { a: 1 } } };
      const { [`${kind}Topic` as const]: topic, [`${kind}Msg` as const]: properties } = overridden({}, broker);
      assert.deepEqual({ topic, properties }, { topic: 't', properties: { a: 1 } });
    });
  }

  it('names a host: a URL of before does not win over it', () => {
    assert.equal(overridden({ url: 'mqtt://before' }, { broker: 'now' }).url, '');
  });
});
