import assert from 'node:assert/strict';
import {
  ClientClosed,
  ConnectionRefused,
  malformed,
  MqttError,
  PacketTooLarge,
  protocolError,
  PublishRejected,
  ServerDisconnected,
  SubscriptionRefused,
  textOf,
} from '../../../src/protocol/errors.ts';
import { describeReasonCode, mayRetrySoon, reasonCodeOfReturnCode } from '../../../src/protocol/reason-codes.ts';

describe('Reason Codes', () => {
  it('are written with their number and their name in the specification', () => {
    assert.equal(describeReasonCode(0x00), '0x00 Success');
    assert.equal(describeReasonCode(0x87), '0x87 Not authorized');
    assert.equal(describeReasonCode(0xa2), '0xa2 Wildcard Subscriptions not supported');
  });

  it('without a name are written as their number', () => assert.equal(describeReasonCode(0x7f), '0x7f'));

  it('stand for the return codes of MQTT 3.1 and 3.1.1', () => {
    assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 0x80, 255].map(reasonCodeOfReturnCode), [
      0x00,
      0x84,
      0x85,
      0x88,
      0x86,
      0x87,
      undefined,
      undefined,
      undefined,
    ]);
  });

  const forAPerson = [0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c, 0x8e, 0x95, 0x9a, 0x9b, 0x9c, 0x9d];
  const passing = [0x80, 0x83, 0x88, 0x89, 0x8b, 0x8d, 0x93, 0x97, 0x98, 0x9f, 0xa0];
  it('that ask for a person, or would start a fight over one client id (0x8E), are not retried soon [MQTT-3.2.2-12] [MQTT-3.2.2-13] [MQTT-4.11]', () => {
    assert.deepEqual(forAPerson.filter(mayRetrySoon), []);
  });
  it('that pass by themselves are retried soon', () => {
    assert.deepEqual(
      passing.filter((code) => !mayRetrySoon(code)),
      [],
    );
  });
});

describe('errors', () => {
  const rows: readonly (readonly [MqttError, string, string, boolean])[] = [
    [malformed('it ends early'), 'malformed-packet', 'it ends early (0x81 Malformed Packet)', true],
    [protocolError('twice'), 'protocol-error', 'twice (0x82 Protocol Error)', true],
    [protocolError('alias', 0x94), 'protocol-error', 'alias (0x94 Topic Alias invalid)', true],
    [
      new ConnectionRefused(0x86, 'mqtt://h:1'),
      'connection-refused',
      'broker refused the connection (0x86 Bad User Name or Password) at mqtt://h:1',
      false,
    ],
    [
      new ConnectionRefused(0x89, 'mqtt://h:1', 'later'),
      'connection-refused',
      'broker refused the connection (0x89 Server busy: later) at mqtt://h:1',
      true,
    ],
    [
      new ServerDisconnected(0x8b),
      'server-disconnected',
      'broker closed the connection (0x8b Server shutting down)',
      true,
    ],
    [
      new SubscriptionRefused('a/#', 0x87, 'no'),
      'subscription-refused',
      'broker refused the subscription to a/# (0x87 Not authorized: no)',
      false,
    ],
    [
      new PublishRejected('a', 0x97),
      'publish-rejected',
      'broker rejected the message to a (0x97 Quota exceeded)',
      false,
    ],
    [
      new PacketTooLarge('SUBSCRIBE', 30, 20),
      'packet-too-large',
      'SUBSCRIBE takes 30 bytes, the broker accepts at most 20',
      false,
    ],
    [new ClientClosed(), 'closed', 'the connection was closed', false],
  ];
  for (const [error, code, message, retryable] of rows) {
    it(`${error.name} says: ${message}`, () => {
      assert.ok(error instanceof MqttError);
      assert.deepEqual([error.code, error.message, error.retryable], [code, message, retryable]);
    });
  }

  it('take at most 200 characters of what the Server says', () => {
    assert.ok(new ConnectionRefused(0x87, 's', 'x'.repeat(60_000)).message.length < 300);
  });

  it('keep their cause', () => {
    const cause = new Error('deep');
    assert.equal(new MqttError('unreachable', 'no way', { cause }).cause, cause);
    assert.equal('cause' in new MqttError('unreachable', 'no way'), false);
  });

  it('have a text, whatever was thrown', () => {
    assert.deepEqual([new Error('x'), 'y', undefined, 5].map(textOf), ['x', 'y', 'undefined', '5']);
  });
});
