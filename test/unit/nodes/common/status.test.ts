import assert from 'node:assert/strict';
import { failure, statusOf } from '../../../../nodes/common/status.ts';
import {
  ClientClosed,
  type ClientState,
  ConnectionRefused,
  ConnectUnanswered,
  MqttError,
  type MqttErrorCode,
  NotMqtt,
  NotTls,
  PublishRejected,
  ServerDisconnected,
  SubscriptionRefused,
  TlsUnanswered,
} from '../../../../src/index.ts';

const LOST = new MqttError('connection-lost', 'connection to mqtt://h was lost: read ECONNRESET');

function system(code: MqttErrorCode, systemCode: string): MqttError {
  return new MqttError(code, 'no', { cause: Object.assign(new Error('x'), { code: systemCode }) });
}

describe('statusOf', () => {
  const rows: readonly (readonly [string, ClientState, string, string, string])[] = [
    ['idle', { phase: 'idle' }, 'red', 'ring', 'node-red:common.status.disconnected'],
    ['closing', { phase: 'closing' }, 'red', 'ring', 'node-red:common.status.disconnected'],
    ['closed', { phase: 'closed' }, 'red', 'ring', 'node-red:common.status.disconnected'],
    [
      'the first attempt',
      { phase: 'connecting', server: 's', attempt: 1 },
      'yellow',
      'ring',
      'node-red:common.status.connecting',
    ],
    [
      'a further attempt goes on showing the failure',
      { phase: 'connecting', server: 's', attempt: 2, cause: LOST },
      'red',
      'ring',
      'connection lost',
    ],
    [
      'connected',
      { phase: 'connected', server: 's', sessionPresent: true },
      'green',
      'dot',
      'node-red:common.status.connected',
    ],
    ['waiting', { phase: 'waiting', until: 0, attempt: 3, cause: LOST }, 'red', 'ring', 'connection lost'],
  ];
  for (const [what, state, fill, shape, text] of rows) {
    it(`shows ${what}: ${fill} ${shape}, ${text}`, () => {
      assert.deepEqual(statusOf(state, true), { fill, shape, text });
    });
  }

  it('says of a connection whose certificate is not checked that it is not', () => {
    const shown = statusOf({ phase: 'connected', server: 's', sessionPresent: false }, false);
    assert.equal(shown.fill, 'yellow');
    assert.equal(shown.shape, 'dot');
    assert.match(shown.text, /notVerified|not verified/);
  });

  it('shows every other state alike, checked or not', () => {
    for (const [, state] of rows) {
      if (state.phase !== 'connected') assert.deepEqual(statusOf(state, false), statusOf(state, true));
    }
  });
});

describe('failure', () => {
  const rows: readonly (readonly [MqttError, string])[] = [
    [new ConnectionRefused(0x84, 's'), 'version refused (0x84)'],
    [new ConnectionRefused(0x85, 's'), 'client id refused (0x85)'],
    [new ConnectionRefused(0x86, 's'), 'bad credentials (0x86)'],
    [new ConnectionRefused(0x87, 's'), 'not authorized (0x87)'],
    [new ConnectionRefused(0x9f, 's'), 'connection rate exceeded (0x9f)'],
    [new ServerDisconnected(0x93), 'receive maximum exceeded (0x93)'],
    [new ServerDisconnected(0xf0), '0xf0'],
    [new ServerDisconnected(0x8e), 'client id in use (0x8e)'],
    [new ServerDisconnected(0x8b), 'server shutting down (0x8b)'],
    [new ServerDisconnected(0x00), 'success (0x00)'],
    [new SubscriptionRefused('secret/#', 0x87), 'subscribe: not authorized (0x87)'],
    [new ConnectUnanswered('mqtt://h', true), 'hung up on CONNECT'],
    [new NotMqtt('mqtt://h', 'http', '"HTTP/1.1"'), 'not MQTT but HTTP'],
    [new NotMqtt('mqtt://h', 'tls', 'the bytes 15'), 'not MQTT but TLS'],
    [new TlsUnanswered('mqtts://h', new Error('cut')), 'TLS: hung up'],
    [new NotTls('mqtts://h', new Error('x')), 'TLS: not spoken there'],
    [new SubscriptionRefused('a', 0x80), 'subscribe: refused (0x80)'],
    [system('unreachable', 'ECONNREFUSED'), 'connection refused'],
    [system('unreachable', 'ENOTFOUND'), 'host not found'],
    [system('unreachable', 'EAI_AGAIN'), 'name lookup failed'],
    [system('unreachable', 'ESOMETHING'), 'unreachable'],
    [new MqttError('unreachable', 'x'), 'unreachable'],
    [new MqttError('unreachable', 'x', { cause: 'a text' }), 'unreachable'],
    [system('tls-failed', 'CERT_HAS_EXPIRED'), 'TLS: certificate expired'],
    [system('tls-failed', 'DEPTH_ZERO_SELF_SIGNED_CERT'), 'TLS: self-signed certificate'],
    [system('tls-failed', 'ERR_TLS_CERT_ALTNAME_INVALID'), 'TLS: certificate of another host'],
    [system('tls-failed', 'ERR_OTHER'), 'TLS: failed'],
    [new MqttError('handshake-timeout', 'x'), 'no answer'],
    [new MqttError('keep-alive-timeout', 'x'), 'no sign of life'],
    [LOST, 'connection lost'],
    [new MqttError('protocol-error', 'x'), 'protocol error'],
    [new MqttError('malformed-packet', 'x'), 'protocol error'],
    [new MqttError('packet-too-large', 'x'), 'packet too large'],
    [new MqttError('invalid-options', 'x'), 'invalid options'],
    [new MqttError('invalid-filter', 'x'), 'invalid filter'],
    [new MqttError('not-supported', 'x'), 'not supported'],
    [new PublishRejected('t', 0x97), 'publish rejected'],
    [new ClientClosed(), 'closed'],
  ];
  for (const [error, text] of rows) {
    it(`${error.code}: ${text}`, () => assert.deepEqual(failure(error), { fill: 'red', shape: 'ring', text }));
  }

  it('reads the first of several addresses that failed', () => {
    const cause = new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })]);
    assert.equal(failure(new MqttError('unreachable', 'x', { cause })).text, 'connection refused');
    assert.equal(failure(new MqttError('unreachable', 'x', { cause: new AggregateError([]) })).text, 'unreachable');
  });

  it('is short enough to stand under a node', () => {
    for (const [error] of rows) assert.ok(failure(error).text.length <= 40, failure(error).text);
  });

  it('shows nothing of messages, filters and servers, where secrets could be', () => {
    const secret = 'S3cret';
    const errors = [
      new ConnectionRefused(0x87, secret, secret),
      new ServerDisconnected(0x87, secret),
      new SubscriptionRefused(secret, 0x87, secret),
      new MqttError('unreachable', secret, { cause: Object.assign(new Error(secret), { code: 'E' }) }),
      new MqttError('invalid-options', secret),
    ];
    for (const error of errors) assert.equal(failure(error).text.includes(secret), false);
  });
});
