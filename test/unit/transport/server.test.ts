import assert from 'node:assert/strict';
import { MqttError } from '../../../src/protocol/errors.ts';
import { describeServer, parseServer, type ServerAddress, webSocketUrl } from '../../../src/transport/server.ts';

const ADDRESSES: readonly (readonly [string, ServerAddress, string])[] = [
  ['mqtt://host', { scheme: 'mqtt', host: 'host', port: 1883, path: '' }, 'mqtt://host:1883'],
  ['mqtt://host:1884', { scheme: 'mqtt', host: 'host', port: 1884, path: '' }, 'mqtt://host:1884'],
  ['MQTT://host/', { scheme: 'mqtt', host: 'host', port: 1883, path: '' }, 'mqtt://host:1883'],
  ['tcp://10.0.0.1', { scheme: 'mqtt', host: '10.0.0.1', port: 1883, path: '' }, 'mqtt://10.0.0.1:1883'],
  ['mqtts://host', { scheme: 'mqtts', host: 'host', port: 8883, path: '' }, 'mqtts://host:8883'],
  ['ssl://host', { scheme: 'mqtts', host: 'host', port: 8883, path: '' }, 'mqtts://host:8883'],
  ['tls://host:1', { scheme: 'mqtts', host: 'host', port: 1, path: '' }, 'mqtts://host:1'],
  ['ws://host', { scheme: 'ws', host: 'host', port: 80, path: '/' }, 'ws://host:80'],
  ['wss://host/mqtt', { scheme: 'wss', host: 'host', port: 443, path: '/mqtt' }, 'wss://host:443/mqtt'],
  ['ws://host:80/a?b=c', { scheme: 'ws', host: 'host', port: 80, path: '/a?b=c' }, 'ws://host:80/a'],
  ['mqtt://[::1]', { scheme: 'mqtt', host: '::1', port: 1883, path: '' }, 'mqtt://[::1]:1883'],
  ['wss://[fe80::1]:8443/x', { scheme: 'wss', host: 'fe80::1', port: 8443, path: '/x' }, 'wss://[fe80::1]:8443/x'],
  ['mqtt://user:secret@host', { scheme: 'mqtt', host: 'host', port: 1883, path: '' }, 'mqtt://host:1883'],
];

describe('parseServer', () => {
  for (const [url, address, shown] of ADDRESSES) {
    it(`reads ${url}, shown as ${shown}`, () => {
      assert.deepEqual(parseServer(url), address);
      assert.equal(describeServer(parseServer(url)), shown);
    });
  }

  for (const url of [
    '',
    'host',
    'host:1883',
    'http://host',
    'mqtt://',
    'mqtt://host:70000',
    'mqtt://[::1',
    'mqtt://%80',
    '//host',
  ]) {
    it(`refuses ${JSON.stringify(url)}`, () => {
      assert.throws(
        () => parseServer(url),
        (error) =>
          error instanceof MqttError &&
          error.code === 'invalid-options' &&
          /is not a broker address/.test(error.message),
      );
    });
  }

  for (const url of [
    'foo://user:S3cret@host',
    'mqtt://user:S3cret/x@host',
    'mqtt://user:S3c@S3cret@',
    'user:S3cret@host',
    'http://host/x?token=S3cret',
  ]) {
    it(`repeats no secret of ${url}`, () => {
      assert.throws(
        () => parseServer(url),
        (error) => error instanceof MqttError && !error.message.includes('S3c'),
      );
    });
  }

  it('shows no query of a WebSocket, where tokens travel, but dials with it', () => {
    const address = parseServer('wss://host/mqtt?token=S3cret');
    assert.equal(describeServer(address), 'wss://host:443/mqtt');
    assert.equal(webSocketUrl(address), 'wss://host:443/mqtt?token=S3cret');
    assert.equal(webSocketUrl(parseServer('ws://[::1]:9001/')), 'ws://[::1]:9001/');
  });
});
