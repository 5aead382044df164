import assert from 'node:assert/strict';
import { ConnectionRefused } from '../../../src/index.ts';
import { phase, useBench } from '../../support/client-bench.ts';

describe('protocol versions', () => {
  const bench = useBench();

  for (const [protocolVersion, protocolId] of [
    [3, 'MQIsdp'],
    [4, 'MQTT'],
    [5, 'MQTT'],
  ] as const) {
    it(`connects with version ${protocolVersion}`, async () => {
      const { client, connect } = await bench.connected({ protocolVersion });
      assert.deepEqual([connect.protocolId, connect.protocolVersion], [protocolId, protocolVersion]);
      assert.equal(client.protocolVersion, protocolVersion);
    });

    for (const [username, password] of [
      ['ann', 'sécret'],
      ['ann', undefined],
    ] as const) {
      it(`sends user name${password === undefined ? '' : ' and password'} with version ${protocolVersion}`, async () => {
        const { connect } = await bench.connected({
          protocolVersion,
          username,
          ...(password !== undefined && { password }),
        });
        assert.equal(connect.username, username);
        assert.equal(connect.password?.toString(), password);
      });
    }

    for (const cleanStart of [true, false]) {
      it(`asks for a ${cleanStart ? 'clean' : 'kept'} session with version ${protocolVersion}`, async () => {
        const { connect } = await bench.connected({ protocolVersion, cleanStart });
        assert.equal(connect.clean, cleanStart);
      });
    }
  }

  it('a shared subscription with No Local is made without that option before MQTT 5, which has none', async () => {
    const { client, peer } = await bench.connected({ protocolVersion: 4 });
    const options = { qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 } as const;
    client.subscribe('$share/g/a', { receive: () => undefined }, options, () => undefined);
    const { subscriptions } = await peer.expect('subscribe');
    assert.deepEqual(subscriptions, [{ topic: '$share/g/a', qos: 1 }]);
  });

  it('sends what CONNECT can say in MQTT 5', async () => {
    const { connect } = await bench.connected({
      cleanStart: false,
      keepAlive: 17,
      sessionExpiryInterval: 3600,
      receiveMaximum: 9,
      maximumPacketSize: 1000,
      topicAliasMaximum: 7,
      userProperties: [
        ['a', '1'],
        ['a', '2'],
      ],
    });
    assert.equal(connect.keepalive, 17);
    assert.deepEqual(
      { ...connect.properties, userProperties: { ...connect.properties?.userProperties } },
      {
        sessionExpiryInterval: 3600,
        receiveMaximum: 9,
        maximumPacketSize: 1000,
        topicAliasMaximum: 7,
        requestResponseInformation: true,
        requestProblemInformation: true,
        userProperties: { a: ['1', '2'] },
      },
    );
  });

  describe('automatic', () => {
    const REFUSALS: readonly (readonly [string, string])[] = [
      ['refuses with 0x84', '20 03 00 84 00'],
      ['refuses as 3.1.1 does, with return code 1', '20 02 00 01'],
      ['hangs up without a word', ''],
    ];

    for (const [what, answer] of REFUSALS) {
      it(`tries 3.1.1 at once with a broker that ${what}, and stays with it`, async () => {
        const broker = await bench.broker();
        const client = bench.client(broker.url, {
          protocolVersion: 'auto',
          backoff: { initial: 60_000, maximum: 60_000 },
        });
        client.connect();
        const first = await broker.accept();
        assert.equal((await first.expect('connect')).protocolVersion, 5);
        first.sendBytes(answer);
        first.end();
        const second = await broker.accept();
        assert.equal((await second.handshake()).protocolVersion, 4);
        await phase(client, 'connected');
        assert.equal(client.protocolVersion, 4);
      });
    }

    it('stays with MQTT 5 where the broker took it, also when the connection is lost', async () => {
      const { broker, peer, connect } = await bench.connected({ protocolVersion: 'auto' });
      assert.equal(connect.protocolVersion, 5);
      peer.drop();
      const again = await broker.accept();
      assert.equal((await again.expect('connect')).protocolVersion, 5);
      again.drop();
      assert.equal((await (await broker.accept()).expect('connect')).protocolVersion, 5);
    });

    it('does not try 3.1.1 where the broker refuses for another reason', async () => {
      const broker = await bench.broker();
      const client = bench.client(broker.url, { protocolVersion: 'auto' });
      client.connect();
      await (await broker.accept()).handshake({ reasonCode: 0x86 });
      const { cause } = await phase(client, 'waiting');
      assert.ok(cause instanceof ConnectionRefused);
      assert.equal((await (await broker.accept()).expect('connect')).protocolVersion, 5);
    });

    it('tries MQTT 5 again after a broker that refused both', async () => {
      const broker = await bench.broker();
      bench.client(broker.url, { protocolVersion: 'auto' }).connect();
      for (const version of [5, 4, 5, 4]) {
        const peer = await broker.accept();
        assert.equal((await peer.expect('connect')).protocolVersion, version);
        peer.drop();
      }
    });
  });
});
