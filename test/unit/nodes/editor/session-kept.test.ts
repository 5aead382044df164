import assert from 'node:assert/strict';
import { keepsSession } from '../../../../nodes/editor/session-kept.ts';

const KEPT = { cleansession: false, clientid: 'me', protocolVersion: '4', sessionExpiry: '' };

describe('whether a connection keeps its session', () => {
  const rows: readonly (readonly [string, object, boolean])[] = [
    ['does, without a clean session and with a client id', {}, true],
    ['does, with MQTT 5 and a session expiry', { protocolVersion: '5', sessionExpiry: '3600' }, true],
    [
      'does, where the fields are text of an old flow',
      { cleansession: 'false', protocolVersion: 5, sessionExpiry: 1 },
      true,
    ],
    [
      'does, where a variable may say so',
      { cleansession: '${CLEAN}', clientid: '${ID}', sessionExpiry: '${EXPIRY}' },
      true,
    ],
    ['does not, with a clean session', { cleansession: true }, false],
    ['does not, where nothing is stored', { cleansession: undefined }, false],
    ['does not, without a client id', { clientid: '' }, false],
    ['does not, with MQTT 5 and no session expiry', { protocolVersion: '5', sessionExpiry: 0 }, false],
    ['does not, where it may speak MQTT 5', { protocolVersion: 'auto' }, false],
  ];
  for (const [what, fields, kept] of rows) {
    it(what, () => assert.equal(keepsSession({ ...KEPT, ...fields }), kept));
  }
});
