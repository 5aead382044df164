import assert from 'node:assert/strict';
import { ENGLISH } from '../../../../nodes/failures/english.ts';
import { failureId, reasonId } from '../../../../nodes/failures/failure-id.ts';
import { failureTextIn } from '../../../../nodes/failures/failure-text.ts';
import {
  ConnectionRefused,
  ConnectUnanswered,
  InvalidServer,
  MqttError,
  type MqttErrorCode,
  PacketTooLarge,
  parseServer,
  PublishRejected,
  ServerDisconnected,
  SubscriptionRefused,
} from '../../../../src/index.ts';

function system(code: MqttErrorCode, systemCode: string, message = 'x'): MqttError {
  return new MqttError(code, 'no', { cause: Object.assign(new Error(message), { code: systemCode }) });
}

const WRONG_VERSION =
  'write EPROTO C0B7:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../x.c:355:\n';

describe('the id of a failure', () => {
  const rows: readonly (readonly [MqttError, string])[] = [
    [new ConnectionRefused(0x87, 's'), 'refused.0x87'],
    [new ServerDisconnected(0x8e), 'disconnected.0x8e'],
    [new SubscriptionRefused('a', 0x80), 'subscribe.0x80'],
    [new PublishRejected('a', 0x97), 'publish.0x97'],
    [new ConnectUnanswered('s', true), 'client.connect-unanswered'],
    [new MqttError('keep-alive-timeout', 'x'), 'client.keep-alive-timeout'],
    [new PacketTooLarge('x', 2, 1), 'client.packet-too-large'],
    [new InvalidServer('x'), 'client.invalid-server'],
    [new MqttError('invalid-options', 'x'), 'client.invalid-options'],
    [new MqttError('unreachable', 'x'), 'client.unreachable'],
    [system('unreachable', 'ECONNREFUSED'), 'network.ECONNREFUSED'],
    [system('unreachable', 'EPERM'), 'network.EACCES'],
    [system('unreachable', 'EWHATEVER'), 'network.EWHATEVER'],
    [system('unreachable', 'a sentence'), 'client.unreachable'],
    [system('unreachable', 'a.b'), 'client.unreachable'],
    [new MqttError('tls-failed', 'x'), 'client.tls-failed'],
    [system('tls-failed', 'DEPTH_ZERO_SELF_SIGNED_CERT'), 'tls.DEPTH_ZERO_SELF_SIGNED_CERT'],
    [system('tls-failed', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'), 'tls.UNABLE_TO_GET_ISSUER_CERT'],
    [system('tls-failed', 'ERR_SSL_WRONG_VERSION_NUMBER'), 'tls.to-plain-port'],
    [system('tls-failed', 'EPROTO', WRONG_VERSION), 'tls.to-plain-port'],
    [system('tls-failed', 'EPROTO'), 'tls.EPROTO'],
    [system('tls-failed', 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'), 'tls.handshake-refused'],
    [system('tls-failed', 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE'), 'tls.handshake-refused'],
    [system('tls-failed', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), 'tls.client-certificate-required'],
    [system('tls-failed', 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'), 'tls.client-certificate-refused'],
    [system('tls-failed', 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'), 'tls.key-unusable'],
    [system('tls-failed', 'ERR_SSL_TLSV1_ALERT_WHATEVER'), 'tls.ERR_SSL_TLSV1_ALERT_WHATEVER'],
    // What a connection loses is lost, whatever the system called it.
    [system('connection-lost', 'ECONNRESET'), 'client.connection-lost'],
  ];
  for (const [error, id] of rows) {
    it(id, () => assert.equal(failureId(error), id));
  }

  it('of an address of a server that is none is that', () => {
    const error = errorOf(() => parseServer('http://x'));
    assert.equal(failureId(error), 'client.invalid-server');
    assert.match(ENGLISH.get('client.invalid-server')?.doThis ?? '', /mqtt:\/\//);
  });

  it('of a reason code is by the packet that it came in', () => {
    assert.equal(reasonId('unsubscribe', 0x87), 'unsubscribe.0x87');
    assert.equal(reasonId('release', 0x92), 'release.0x92');
  });

  it('has texts, also where nobody foresaw the code', () => {
    for (const [error] of rows) {
      const text = failureTextIn(ENGLISH, failureId(error));
      assert.ok(text !== undefined && !JSON.stringify(text).includes('__'), failureId(error));
    }
  });
});

function errorOf(action: () => unknown): MqttError {
  try {
    action();
  } catch (error) {
    return error as MqttError;
  }
  throw new Error('nothing was thrown');
}
