import assert from 'node:assert/strict';
import type { TestFailure } from '../../../../nodes/common/test-answer.ts';
import { type AdviceAt, adviceOf } from '../../../../nodes/editor/test-advice.ts';

const FAILURE = {
  at: 0,
  id: 'network.ECONNREFUSED',
  code: 'unreachable',
  reasonCode: undefined,
  systemCode: undefined,
  message: 'no',
};
const FAILED: TestFailure = { stage: 'mqtt', milliseconds: 1, failure: FAILURE };

describe('What to do about a test that failed', () => {
  const rows: readonly (readonly [string, string, Partial<TestFailure>, AdviceAt])[] = [
    ['is told by the failure', 'mqtt://h:1883', { stage: 'connect' }, 'catalogue'],
    ['is told by what listens there, before that', 'mqtt://h:1883', { listener: 'ssh' }, { test: 'listener.ssh' }],
    ['is another without TLS', 'mqtts://h:8883', { listener: 'mqtt' }, { test: 'listener.mqtt' }],
    ['than without WebSocket', 'wss://h:443/', { listener: 'mqtt' }, { test: 'listener.mqttNoWebSocket' }],
    [
      'knows that the client id is the test’s',
      'mqtt://h:1883',
      { failure: { ...FAILURE, code: 'connection-refused', reasonCode: 0x85 } },
      { test: 'advice.clientId' },
    ],
    [
      'knows of a TLS configuration that is not deployed',
      '',
      { stage: 'settings', failure: { ...FAILURE, code: 'tls-failed' } },
      { test: 'advice.settings' },
    ],
    ['leaves other settings to the catalogue', '', { stage: 'settings' }, 'catalogue'],
    ['knows of a path', 'ws://h:80/', { stage: 'upgrade' }, { test: 'advice.upgrade' }],
    ['knows of a proxy', 'ws://h:80/', { stage: 'proxy' }, { test: 'advice.proxy' }],
  ];
  for (const [what, server, more, advice] of rows) {
    it(what, () => assert.deepEqual(adviceOf({ server }, { ...FAILED, ...more }), advice));
  }
});
