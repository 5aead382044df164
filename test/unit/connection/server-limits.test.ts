import assert from 'node:assert/strict';
import { type ServerLimits, serverLimits } from '../../../src/connection/server-limits.ts';
import type { ConnackProperties, ConnectPacket } from '../../../src/protocol/packet.ts';

const CONNECT: ConnectPacket = {
  cmd: 'connect',
  protocolVersion: 5,
  clientId: 'mine',
  cleanStart: true,
  keepAlive: 60,
};

describe('serverLimits', () => {
  it('without any property has the defaults of the specification (3.2.2.3)', () => {
    assert.deepEqual(serverLimits(CONNECT, {}), {
      receiveMaximum: 65_535,
      maximumQoS: 2,
      retainAvailable: true,
      maximumPacketSize: Infinity,
      topicAliasMaximum: 0,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: true,
      sharedSubscriptionAvailable: true,
      keepAlive: 60,
      clientId: 'mine',
      sessionExpiryInterval: 0,
    });
  });

  const rows: readonly (readonly [ConnackProperties, Partial<ServerLimits>])[] = [
    [{ receiveMaximum: 1 }, { receiveMaximum: 1 }],
    [{ maximumQoS: 0 }, { maximumQoS: 0 }],
    [{ maximumQoS: 1 }, { maximumQoS: 1 }],
    [{ retainAvailable: false }, { retainAvailable: false }],
    [{ maximumPacketSize: 20 }, { maximumPacketSize: 20 }],
    [{ topicAliasMaximum: 5 }, { topicAliasMaximum: 5 }],
    [{ wildcardSubscriptionAvailable: false }, { wildcardSubscriptionAvailable: false }],
    [{ subscriptionIdentifiersAvailable: false }, { subscriptionIdentifiersAvailable: false }],
    [{ sharedSubscriptionAvailable: false }, { sharedSubscriptionAvailable: false }],
    [{ assignedClientIdentifier: 'given' }, { clientId: 'given' }],
    [{ sessionExpiryInterval: 0 }, { sessionExpiryInterval: 0 }],
    [{ sessionExpiryInterval: 0xffffffff }, { sessionExpiryInterval: 0xffffffff }],
  ];
  for (const [properties, expected] of rows) {
    it(`takes ${JSON.stringify(properties)} from the Server`, () => {
      assert.deepEqual(serverLimits(CONNECT, properties), { ...serverLimits(CONNECT, {}), ...expected });
    });
  }

  it('takes the Server Keep Alive in place of ours, also of 0, and 0 in place of ours [MQTT-3.1.2-21] [MQTT-3.2.2-21]', () => {
    const keepAlive = (own: number, server: number): number =>
      serverLimits({ ...CONNECT, keepAlive: own }, { serverKeepAlive: server }).keepAlive;
    assert.deepEqual([keepAlive(60, 2), keepAlive(0, 2), keepAlive(60, 0)], [2, 2, 0]);
  });

  it('keeps our Session Expiry Interval where the Server says none [MQTT-3.2.2.3.2]', () => {
    const connect = { ...CONNECT, properties: { sessionExpiryInterval: 3600 } };
    assert.equal(serverLimits(connect, {}).sessionExpiryInterval, 3600);
    assert.equal(serverLimits(connect, { sessionExpiryInterval: 5 }).sessionExpiryInterval, 5);
  });

  it('before MQTT 5 there are no Subscription Identifiers, and a session is kept for ever or not at all', () => {
    for (const protocolVersion of [3, 4] as const) {
      const kept = serverLimits({ ...CONNECT, protocolVersion, cleanStart: false }, {});
      assert.deepEqual([kept.subscriptionIdentifiersAvailable, kept.sessionExpiryInterval], [false, 0xffffffff]);
      assert.equal(serverLimits({ ...CONNECT, protocolVersion }, {}).sessionExpiryInterval, 0);
    }
  });
});
