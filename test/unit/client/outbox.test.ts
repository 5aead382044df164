import assert from 'node:assert/strict';
import { type OutboxOptions, whyRefused } from '../../../src/client/outbox.ts';
import type { ClientState } from '../../../src/client/state.ts';
import { MqttError } from '../../../src/protocol/errors.ts';
import type { QoS } from '../../../src/protocol/packet.ts';
import { sizeOf } from '../../../src/store/message-size.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { Driver, message } from '../session/fixture.ts';

const LIMITS: OutboxOptions = {
  maxMessages: 2,
  maxBytes: 20 + 2 * sizeOf(message('', 1)),
  whenFull: 'refuse',
  longestWait: undefined,
  qos0Waits: false,
};
const CONNECTED: ClientState = { phase: 'connected', server: 's', sessionPresent: false };
const WAITING: ClientState = {
  phase: 'waiting',
  until: 0,
  attempt: 1,
  cause: new MqttError('unreachable', 'no route'),
};
const STATES: readonly ClientState[] = [
  { phase: 'idle' },
  { phase: 'connecting', server: 's', attempt: 1 },
  CONNECTED,
  WAITING,
  { phase: 'closing' },
  { phase: 'closed' },
];

function refusal(qos: QoS, state: ClientState, payload = '', waiting: readonly string[] = []): MqttError | undefined {
  const driver = new Driver();
  for (const topic of waiting) driver.accept(topic, 1);
  return whyRefused(message('t', qos, payload), driver.session.outgoing, LIMITS, state, systemClock);
}

describe('the outbox', () => {
  it('takes QoS 1 and 2 in every state: they wait', () => {
    for (const qos of [1, 2] as const) for (const state of STATES) assert.equal(refusal(qos, state), undefined);
  });

  it('takes QoS 0 while there is a connection, or one is being made', () => {
    for (const state of STATES) {
      const expected = state.phase === 'connected' || state.phase === 'connecting' ? undefined : 'offline';
      assert.equal(refusal(0, state)?.code, expected, state.phase);
    }
  });

  it('says why QoS 0 cannot be sent', () => {
    assert.equal(refusal(0, WAITING)?.message, 'not sent to t, because QoS 0 does not wait: no route');
    assert.equal(refusal(0, WAITING)?.retryable, true);
  });

  it('is full at its limit of messages', () => {
    assert.equal(refusal(1, CONNECTED, '', ['a']), undefined);
    const error = refusal(1, CONNECTED, '', ['a', 'b']);
    assert.deepEqual([error?.code, error?.retryable], ['outbox-full', true]);
    assert.equal(error?.message, 'not accepted for t: the outbox is full (2 messages are waiting)');
  });

  it('is full at its limit of bytes, topic and payload counted', () => {
    assert.equal(refusal(1, CONNECTED, 'x'.repeat(18), ['a']), undefined);
    const error = refusal(1, CONNECTED, 'x'.repeat(19), ['a']);
    assert.equal(
      error?.message,
      `not accepted for t: the outbox is full (${sizeOf(message('a', 1))} bytes are waiting)`,
    );
  });
});
