import assert from 'node:assert/strict';
import { failure, statusOf } from '../../../../nodes/common/status.ts';
import { inEnglish } from '../../../../nodes/failures/status-text.ts';
import {
  ClientClosed,
  type ClientState,
  ConnectionRefused,
  ConnectUnanswered,
  InvalidServer,
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
      'failure.client.connection-lost.short',
    ],
    [
      'connected',
      { phase: 'connected', server: 's', sessionPresent: true },
      'green',
      'dot',
      'node-red:common.status.connected',
    ],
    [
      'waiting',
      { phase: 'waiting', until: 0, attempt: 3, cause: LOST },
      'red',
      'ring',
      'failure.client.connection-lost.short',
    ],
  ];
  for (const [what, state, fill, shape, key] of rows) {
    it(`shows ${what}: ${fill} ${shape}, ${key}`, () => {
      const text = key.includes(':') ? key : `@posthorn/node-red-mqtt/mqtt-connection:${key}`;
      assert.deepEqual(statusOf(state, true), { fill, shape, text });
    });
  }

  it('says of a connection whose certificate is not checked that it is not', () => {
    const shown = statusOf({ phase: 'connected', server: 's', sessionPresent: false }, false);
    assert.equal(shown.fill, 'yellow');
    assert.equal(shown.shape, 'dot');
    assert.equal(shown.text, '@posthorn/node-red-mqtt/mqtt-connection:status.tls-not-verified');
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
    [new ServerDisconnected(0xf0), 'refused (0xf0)'],
    [new ServerDisconnected(0x8e), 'client id in use (0x8e)'],
    [new ServerDisconnected(0x8b), 'server shutting down (0x8b)'],
    [new ServerDisconnected(0x00), 'ended by the broker (0x00)'],
    [new SubscriptionRefused('secret/#', 0x87), 'subscribe: not authorized (0x87)'],
    [new ConnectUnanswered('mqtt://h', true), 'hung up on CONNECT'],
    [new NotMqtt('mqtt://h', 'http', '"HTTP/1.1"'), "this is a web server's port"],
    [new NotMqtt('mqtt://h', 'ssh', '"SSH-2.0"'), 'not MQTT'],
    [new NotMqtt('mqtt://h', 'tls', 'the bytes 15'), 'this port wants TLS'],
    [new TlsUnanswered('mqtts://h', new Error('cut')), 'TLS: hung up'],
    [new NotTls('mqtts://h', new Error('x')), 'TLS: this port has no TLS'],
    [new SubscriptionRefused('a', 0x80), 'subscribe: refused (0x80)'],
    [system('unreachable', 'ECONNREFUSED'), 'connection refused'],
    [system('unreachable', 'ENOTFOUND'), 'host not found'],
    [system('unreachable', 'EAI_AGAIN'), 'name lookup failed'],
    [system('unreachable', 'ESOMETHING'), 'unreachable (ESOMETHING)'],
    [new MqttError('unreachable', 'x'), 'unreachable'],
    [new MqttError('unreachable', 'x', { cause: 'a text' }), 'unreachable'],
    [system('tls-failed', 'CERT_HAS_EXPIRED'), 'TLS: certificate expired'],
    [system('tls-failed', 'DEPTH_ZERO_SELF_SIGNED_CERT'), 'TLS: self-signed certificate'],
    [system('tls-failed', 'ERR_TLS_CERT_ALTNAME_INVALID'), 'TLS: certificate of another host'],
    [system('tls-failed', 'ERR_OTHER'), 'TLS: failed (ERR_OTHER)'],
    [new MqttError('tls-failed', 'x'), 'TLS: failed'],
    [new MqttError('handshake-timeout', 'x'), 'no answer'],
    [new MqttError('keep-alive-timeout', 'x'), 'no sign of life'],
    [LOST, 'connection lost'],
    [new MqttError('protocol-error', 'x'), 'protocol error'],
    [new MqttError('malformed-packet', 'x'), 'no MQTT packet'],
    [new MqttError('packet-too-large', 'x'), 'packet too large'],
    [new MqttError('invalid-options', 'x'), 'invalid setting'],
    [new MqttError('invalid-filter', 'x'), 'invalid topic filter'],
    [new MqttError('not-supported', 'x'), 'not supported by the broker'],
    [new PublishRejected('t', 0x97), 'publish: quota exceeded (0x97)'],
    [new ClientClosed(), 'connection closed'],
    [new InvalidServer('http://x'), 'invalid server address'],
  ];
  for (const [error, text] of rows) {
    it(`${error.code}: ${text}`, () => {
      const shown = failure(error);
      assert.deepEqual({ ...shown, text: inEnglish(shown.text) }, { fill: 'red', shape: 'ring', text });
    });
  }

  it('reads the first of several addresses that failed', () => {
    const cause = new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })]);
    const first = failure(new MqttError('unreachable', 'x', { cause }));
    assert.equal(inEnglish(first.text), 'connection refused');
    const none = failure(new MqttError('unreachable', 'x', { cause: new AggregateError([]) }));
    assert.equal(inEnglish(none.text), 'unreachable');
  });

  it('is a key that the editor translates; where a code is not known, words and the code', () => {
    const known = failure(new ConnectionRefused(0x87, 's'));
    assert.equal(known.text, '@posthorn/node-red-mqtt/mqtt-connection:failure.refused.0x87.short');
    assert.equal(failure(system('unreachable', 'ESOMETHING')).text, 'unreachable (ESOMETHING)');
  });

  it('shows nothing of messages, filters and servers, where secrets could be', () => {
    const secret = 'S3cret';
    const errors = [
      new ConnectionRefused(0x87, secret, secret),
      new ServerDisconnected(0x87, secret),
      new SubscriptionRefused(secret, 0x87, secret),
      new MqttError('unreachable', secret, { cause: Object.assign(new Error(secret), { code: 'E' }) }),
      new MqttError('unreachable', secret, {
        cause: Object.assign(new Error(secret), { code: `${secret} in a code` }),
      }),
      new InvalidServer(secret),
      new MqttError('invalid-options', secret),
    ];
    for (const error of errors) assert.equal(failure(error).text.includes(secret), false);
  });
});
