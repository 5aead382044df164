import assert from 'node:assert/strict';
import { brokerAddress, isSecureUrl } from '../../../../nodes/common/broker-address.ts';
import { connectionLabel } from '../../../../nodes/common/connection-label.ts';
import { withoutBlanks } from '../../../../nodes/editor/message-properties.ts';
import { shownVersion, speaksVersion5 } from '../../../../nodes/editor/protocol-version.ts';
import { findSameClient } from '../../../../nodes/editor/same-client.ts';

describe('brokerAddress', () => {
  const cases: readonly (readonly [string, string | number | undefined, string])[] = [
    ['Broker.Example', 1883, 'broker.example:1883'],
    ['', undefined, 'localhost:1883'],
    ['::1', '1884', '::1:1884'],
    ['[::1]', '1884', '::1:1884'],
    ['mqtt://host', '9', 'host:1883'],
    ['mqtts://user@host', '', 'host:8883'],
    ['wss://host/path', '', 'host:443'],
    ['ws://[::1]:9001/mqtt', '', '::1:9001'],
  ];
  for (const [broker, port, expected] of cases) {
    it(`${broker || '(blank)'} with port ${port ?? '(none)'} is ${expected}`, () =>
      assert.equal(brokerAddress(broker, port), expected));
  }

  it('knows which URLs mean TLS', () => {
    assert.equal(isSecureUrl('mqtts://host'), true);
    assert.equal(isSecureUrl('WSS://host'), true);
    assert.equal(isSecureUrl('mqtt://host'), false);
    assert.equal(isSecureUrl('mqtts.example'), false);
  });
});

describe('findSameClient', () => {
  const self = { id: 'self', broker: 'localhost', port: '1883', clientid: 'house' };

  it('finds the same broker and client id, however the address is written', () => {
    const other = { id: 'other', broker: 'mqtt://LOCALHOST:1883', port: '', clientid: 'house' };
    assert.equal(findSameClient(self, [self, other]), other);
  });

  it('is silent for another broker, another or no client id', () => {
    assert.equal(findSameClient(self, [self]), undefined);
    assert.equal(findSameClient(self, [{ ...self, id: 'other', port: 1884 }]), undefined);
    assert.equal(findSameClient(self, [{ ...self, id: 'other', clientid: 'garden' }]), undefined);
    assert.equal(findSameClient({ ...self, clientid: '' }, [{ ...self, id: 'other', clientid: '' }]), undefined);
  });
});

describe('connectionLabel', () => {
  it('shows no login of a URL', () => {
    const broker = 'mqtts://ann:se%40cret@broker.example:8883/x@y';
    assert.equal(connectionLabel({ broker }), 'mqtts://broker.example:8883/…');
    for (const url of [
      '  mqtt://user:SECRET@host:1884',
      'ws://host/mqtt?token=SECRET',
      'ws://host/mqtt#SECRET',
      'mqtt://user:a/SECRET@host',
      'mqtt://user:1/SECRET@host',
      'mqtt://user:a#SECRET@host',
      'mqtt://user:a?SECRET@host',
      'mqtt://user:a@SECRET@host',
      'user:SECRET@host:1884',
      'http://host/x?token=SECRET',
    ]) {
      assert.doesNotMatch(connectionLabel({ broker: url }), /SECRET/, url);
    }
  });

  it('shows whatever is stored', () => {
    assert.equal(connectionLabel({ broker: 5, port: {}, clientid: [], name: { x: 1 } }), '5:1883');
    assert.equal(connectionLabel({ broker: {} }), 'localhost:1883');
  });

  it('is the name, else the client id and the address', () => {
    assert.equal(connectionLabel({ name: 'Home', broker: 'host' }), 'Home');
    assert.equal(connectionLabel({ broker: 'host', port: '1884', clientid: 'me' }), 'me@host:1884');
    assert.equal(connectionLabel({ broker: 'host', port: '' }), 'host:1883');
    assert.equal(connectionLabel({ broker: 'ws://host/path', port: 1883 }), 'ws://host/path');
  });
});

describe('protocol version', () => {
  it('may be MQTT 5 when it is 5, as text or number, or automatic', () => {
    assert.deepEqual(['auto', '5', 5, '4', 4, '3', undefined].map(speaksVersion5), [
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it('of an old flow is shown as what it means at run time', () => {
    assert.equal(shownVersion(undefined, undefined), '4');
    assert.equal(shownVersion(5, false), '5');
    assert.equal(shownVersion('auto', undefined), 'auto');
    assert.equal(shownVersion(4, true), '3');
    assert.equal(shownVersion('4', 'true'), '3');
    assert.equal(shownVersion('7', undefined), '4');
  });
});

describe('withoutBlanks', () => {
  it('stores what holds something, trimmed', () => {
    const fields = { contentType: '', userProps: ' {"a":"b"} ', respTopic: 'r', correl: ' ', expiry: '30' };
    assert.deepEqual(withoutBlanks(fields), { userProps: '{"a":"b"}', respTopic: 'r', expiry: '30' });
  });
});
