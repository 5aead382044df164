import assert from 'node:assert/strict';
import { connectPacket, type ConnectHistory } from '../../../src/client/connect-packet.ts';
import { type ClientOptions, parseOptions } from '../../../src/client/options.ts';
import type { ConnectPacket } from '../../../src/protocol/packet.ts';

function packet(options: Partial<ClientOptions> = {}, history: Partial<ConnectHistory> = {}): ConnectPacket {
  const settings = parseOptions({ server: 'mqtt://h', clientId: 'me', ...options });
  return connectPacket(settings, { protocolVersion: 5, clientId: 'me', reconnecting: false, ...history });
}

describe('connectPacket', () => {
  it('names what was configured', () => {
    const will = { topic: 'w', payload: 'gone' };
    const { username, password, keepAlive, will: sent } = packet({ username: 'u', password: 'p', keepAlive: 5, will });
    assert.deepEqual([username, password, keepAlive, sent?.topic], ['u', 'p', 5, 'w']);
  });

  it('of MQTT 5 says our limits, and asks for response and problem information', () => {
    assert.deepEqual(packet({ topicAliasMaximum: 0 }).properties, {
      maximumPacketSize: 64 * 1024 * 1024,
      requestResponseInformation: true,
      requestProblemInformation: true,
    });
    const full = packet({
      topicAliasMaximum: 10,
      receiveMaximum: 20,
      sessionExpiryInterval: 30,
      maximumPacketSize: 1000,
      userProperties: [['a', 'b']],
    });
    assert.deepEqual(full.properties, {
      maximumPacketSize: 1000,
      requestResponseInformation: true,
      requestProblemInformation: true,
      sessionExpiryInterval: 30,
      receiveMaximum: 20,
      topicAliasMaximum: 10,
      userProperties: [['a', 'b']],
    });
  });

  it('before MQTT 5 has no properties', () => {
    for (const protocolVersion of [3, 4] as const) {
      assert.equal(packet({ sessionExpiryInterval: 30 }, { protocolVersion }).properties, undefined);
    }
  });

  it('uses the client id that the Server assigned [MQTT-3.2.2-16] [MQTT-3.1.3-6] [MQTT-3.1.3-7]', () => {
    assert.equal(packet({}, { clientId: 'assigned' }).clientId, 'assigned');
  });

  const rows: readonly (readonly [string, Partial<ClientOptions>, Partial<ConnectHistory>, boolean])[] = [
    ['as configured: clean', { cleanStart: true }, {}, true],
    ['as configured: not clean', { cleanStart: false }, {}, false],
    ['not clean stays so on reconnect', { cleanStart: false }, { reconnecting: true }, false],
    ['clean without session expiry stays so on reconnect', { cleanStart: true }, { reconnecting: true }, true],
    [
      'clean with session expiry goes on with its session on reconnect',
      { cleanStart: true, sessionExpiryInterval: 60 },
      { reconnecting: true },
      false,
    ],
    ['clean with session expiry starts clean', { cleanStart: true, sessionExpiryInterval: 60 }, {}, true],
    [
      'a clean session of 3.1.1 is clean each time',
      { cleanStart: true, sessionExpiryInterval: 60 },
      { reconnecting: true, protocolVersion: 4 },
      true,
    ],
  ];
  for (const [what, options, history, clean] of rows) {
    it(`Clean Start: ${what}`, () => assert.equal(packet(options, history).cleanStart, clean));
  }
});
