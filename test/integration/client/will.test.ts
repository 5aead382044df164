import assert from 'node:assert/strict';
import { delivered, failure, numbered, phase, publish, publishedTo, useBench } from '../../support/client-bench.ts';

describe('will, birth and close message', () => {
  const bench = useBench();
  const will = { topic: 'state', payload: 'offline', qos: 1, retain: true } as const;

  for (const protocolVersion of [3, 4, 5] as const) {
    it(`CONNECT carries the will with version ${protocolVersion}`, async () => {
      const { connect } = await bench.connected({ protocolVersion, will });
      const { topic, payload, qos, retain } = connect.will ?? {};
      assert.deepEqual([topic, String(payload), qos, retain], ['state', 'offline', 1, true]);
    });
  }

  it('the will carries its properties in MQTT 5', async () => {
    const properties = {
      payloadFormatIndicator: true,
      messageExpiryInterval: 5,
      contentType: 'text/plain',
      responseTopic: 'r',
      correlationData: Buffer.from('c'),
      userProperties: [['k', 'v']],
    } as const;
    const { connect } = await bench.connected({ will: { ...will, willDelayInterval: 7, properties } });
    assert.deepEqual(
      { ...connect.will?.properties, userProperties: { ...connect.will?.properties?.userProperties } },
      { ...properties, willDelayInterval: 7, userProperties: { k: 'v' } },
    );
  });

  it('SUBSCRIBE and DISCONNECT carry the properties that were chosen, in MQTT 5', async () => {
    const { client, peer } = await bench.connected({
      protocolVersion: 5,
      subscribeUserProperties: [['why', 'test']],
      disconnectProperties: { reasonString: 'done', userProperties: [['k', 'v']] },
    });
    const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    client.subscribe('a', { receive: () => undefined }, options, () => undefined);
    const { properties } = await peer.expect('subscribe');
    assert.deepEqual({ ...properties?.userProperties }, { why: 'test' });
    await client.close();
    const disconnect = await peer.skipTo('disconnect');
    assert.equal(disconnect.properties?.reasonString, 'done');
    assert.deepEqual({ ...disconnect.properties?.userProperties }, { k: 'v' });
  });

  it('destroy ends the connection without DISCONNECT, so that the broker publishes the will', async () => {
    const { client, peer } = await bench.connected({ will });
    client.destroy();
    await peer.expectClosed();
    assert.deepEqual(
      peer.received.map(({ cmd }) => cmd),
      ['connect'],
    );
  });

  it('the birth message is the first on every connection, also before what waits', async () => {
    const broker = await bench.broker();
    const birth = { topic: 'state', payload: 'born', qos: 1, retain: true } as const;
    const client = bench.client(broker.url, { birth, cleanStart: false, sessionExpiryInterval: 60 });
    publish(client, { payload: 'waited', qos: 1 });
    client.connect();
    const peer = await broker.accept();
    await peer.handshake();
    const first = await peer.expect('publish');
    assert.deepEqual([first.topic, String(first.payload), first.retain], ['state', 'born', true]);
    peer.send({ cmd: 'puback', messageId: first.messageId ?? 0, reasonCode: 0 });
    const waited = await peer.expect('publish');
    assert.equal(String(waited.payload), 'waited');
    peer.send({ cmd: 'puback', messageId: waited.messageId ?? 0, reasonCode: 0 });
    await peer.expectNothing();
    peer.drop();
    const again = await broker.accept();
    await again.handshake({ sessionPresent: true });
    const second = await again.expect('publish');
    assert.deepEqual([String(second.payload), second.dup], ['born', false]);
  });

  it('the close message leaves when all that waited is acknowledged, and DISCONNECT is the last packet', async () => {
    const closing = { topic: 'state', payload: 'closed', qos: 1 } as const;
    const { client, peer } = await bench.connected({ closing, maximumInflight: 2 });
    const waiting = numbered(3).map((payload) => publish(client, { payload, qos: 1 }));
    const closed = client.close();
    for (const payload of [...numbered(3), 'closed']) {
      const packet = await peer.expect('publish');
      assert.equal(String(packet.payload), payload);
      peer.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0 });
    }
    assert.equal((await peer.expect('disconnect')).reasonCode ?? 0, 0);
    await closed;
    await Promise.all(waiting.map((outcome) => delivered(outcome)));
  });

  it('a broker that acknowledges nothing does not keep the close message: it leaves all the same', async () => {
    const closing = { topic: 'state', payload: 'closed' } as const;
    const { client, peer } = await bench.connected({ closing, maximumInflight: 2 });
    const waiting = numbered(3).map((payload) => publish(client, { payload, qos: 1 }));
    const closed = client.close();
    await peer.expect('publish');
    await peer.expect('publish');
    assert.equal(String((await peer.expect('publish')).payload), 'closed');
    await peer.expect('disconnect');
    await closed;
    for (const outcome of waiting) await failure(outcome);
  });

  it('the close message is published once when close is called twice', async () => {
    const closing = { topic: 'state', payload: 'closed' } as const;
    const { client, peer } = await bench.connected({ closing });
    await Promise.all([client.close(), client.close()]);
    await peer.expectClosed();
    assert.deepEqual(publishedTo(peer), ['closed']);
  });

  it('an orderly end without a close message is DISCONNECT alone', async () => {
    for (const protocolVersion of [3, 4, 5] as const) {
      const { client, peer } = await bench.connected({ protocolVersion });
      await client.close();
      await peer.expect('disconnect');
      await peer.expectClosed();
      await phase(client, 'closed');
    }
  });
});
