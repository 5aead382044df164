import assert from 'node:assert/strict';
import { MqttError, PublishRejected } from '../../../src/index.ts';
import { delivered, failure, numbered, phase, publish, publishedTo, useBench } from '../../support/client-bench.ts';
import { settle, until } from '../../support/events.ts';
import { freePort } from '../../support/ports.ts';

describe('publishing', () => {
  const bench = useBench();

  for (const protocolVersion of [3, 4, 5] as const) {
    describe(`with version ${protocolVersion}`, () => {
      it('QoS 0 is settled when the socket took it', async () => {
        const { client, peer } = await bench.connected({ protocolVersion });
        await delivered(publish(client, { topic: 'a/b', payload: 'x', retain: true }));
        const packet = await peer.expect('publish');
        assert.deepEqual([packet.topic, String(packet.payload), packet.qos, packet.retain], ['a/b', 'x', 0, true]);
      });

      it('QoS 1 is settled by its PUBACK, not before', async () => {
        const { client, peer } = await bench.connected({ protocolVersion });
        const outcome = publish(client, { qos: 1 });
        const { messageId = 0, qos, dup } = await peer.expect('publish');
        assert.deepEqual([qos, dup], [1, false]);
        await settle();
        assert.equal(outcome.times, 0);
        peer.send({ cmd: 'puback', messageId, reasonCode: 0 });
        await delivered(outcome);
      });

      it('QoS 2 is settled by its PUBCOMP, not before', async () => {
        const { client, peer } = await bench.connected({ protocolVersion });
        const outcome = publish(client, { qos: 2 });
        const { messageId = 0, qos } = await peer.expect('publish');
        assert.equal(qos, 2);
        peer.send({ cmd: 'pubrec', messageId, reasonCode: 0 });
        assert.equal((await peer.expect('pubrel')).messageId, messageId);
        await settle();
        assert.equal(outcome.times, 0);
        peer.send({ cmd: 'pubcomp', messageId, reasonCode: 0 });
        await delivered(outcome);
      });

      it('what is published while the CONNACK is awaited leaves after it, in order', async () => {
        const broker = await bench.broker();
        const client = bench.client(broker.url, { protocolVersion });
        client.connect();
        const peer = await broker.accept();
        await peer.expect('connect');
        const outcomes = numbered(10).map((payload) => publish(client, { payload }));
        await peer.expectNothing();
        peer.connack();
        await Promise.all(outcomes.map((outcome) => delivered(outcome)));
        await until(() => publishedTo(peer).length === 10, 'all came');
        assert.deepEqual(publishedTo(peer), numbered(10));
      });
    });
  }

  it('carries every property of MQTT 5', async () => {
    const { client, peer } = await bench.connected();
    const properties = {
      payloadFormatIndicator: true,
      messageExpiryInterval: 77,
      responseTopic: 'answer/here',
      correlationData: Buffer.from([1, 2, 3]),
      contentType: 'text/plain',
      userProperties: [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ],
    } as const;
    publish(client, { payload: 'x', properties });
    const { properties: came } = await peer.expect('publish');
    assert.deepEqual(
      { ...came, userProperties: { ...came?.userProperties } },
      {
        ...properties,
        userProperties: { a: ['1', '3'], b: '2' },
      },
    );
  });

  it('properties are left out before MQTT 5, where there are none', async () => {
    const { client, peer } = await bench.connected({ protocolVersion: 4 });
    await delivered(publish(client, { payload: 'x', properties: { contentType: 'text/plain' } }));
    const packet = await peer.expect('publish');
    assert.deepEqual([String(packet.payload), packet.properties], ['x', undefined]);
  });

  it('QoS 0 while offline fails with the reason, QoS 1 waits', async () => {
    const port = await freePort();
    const client = bench.client(`mqtt://127.0.0.1:${port}`, { backoff: { initial: 60_000, maximum: 60_000 } });
    client.connect();
    await phase(client, 'waiting');
    const kept = publish(client, { qos: 1 });
    const error = await failure(publish(client));
    assert.ok(error instanceof MqttError && error.code === 'offline' && error.retryable);
    assert.match(error.message, /ECONNREFUSED/);
    assert.equal(kept.times, 0);
    assert.equal(client.waiting, 1);
  });

  it('QoS 0 that was accepted during an attempt fails when the attempt does', async () => {
    const client = bench.client(`mqtt://127.0.0.1:${await freePort()}`, {
      backoff: { initial: 60_000, maximum: 60_000 },
    });
    client.connect();
    assert.equal(client.state.phase, 'connecting');
    const error = await failure(publish(client));
    assert.ok(error instanceof MqttError && error.code === 'offline');
    assert.equal(client.waiting, 0);
  });

  it('QoS 0 that was accepted before a refused CONNECT fails when it is refused', async () => {
    const broker = await bench.broker();
    const client = bench.client(broker.url, { backoff: { initial: 60_000, maximum: 60_000 } });
    client.connect();
    const peer = await broker.accept();
    const outcome = publish(client);
    await peer.handshake({ reasonCode: 0x87 });
    assert.match((await failure(outcome)).message, /0x87 Not authorized/);
  });

  for (const [qos, cmd] of [
    [1, 'puback'],
    [2, 'pubrec'],
  ] as const) {
    it(`QoS ${qos} that the broker rejects fails with its reason, and its packet id is free`, async () => {
      const { client, peer } = await bench.connected({ maximumInflight: 1 });
      const outcome = publish(client, { qos });
      const { messageId = 0 } = await peer.expect('publish');
      peer.send({ cmd, messageId, reasonCode: 0x97, properties: { reasonString: 'too much' } });
      const error = await failure(outcome);
      assert.ok(error instanceof PublishRejected && error.reasonCode === 0x97 && error.topic === 't');
      assert.match(error.message, /0x97 Quota exceeded: too much/);
      peer.autoRespond();
      await delivered(publish(client, { qos }));
    });

    it(`QoS ${qos} that nobody subscribed to is delivered all the same`, async () => {
      const { client, peer } = await bench.connected();
      const outcome = publish(client, { qos });
      const { messageId = 0 } = await peer.expect('publish');
      peer.send({ cmd, messageId, reasonCode: 0x10 });
      if (qos === 2) {
        await peer.expect('pubrel');
        peer.send({ cmd: 'pubcomp', messageId, reasonCode: 0 });
      }
      await delivered(outcome);
    });
  }

  it('an acknowledgement of an unknown packet id is ignored', async () => {
    const { client, peer } = await bench.connected();
    peer.send({ cmd: 'puback', messageId: 99, reasonCode: 0 });
    peer.send({ cmd: 'pubcomp', messageId: 99, reasonCode: 0 });
    peer.send({ cmd: 'pubrec', messageId: 99, reasonCode: 0 });
    const { messageId, reasonCode } = await peer.expect('pubrel');
    assert.deepEqual([messageId, reasonCode], [99, 0x92]);
    assert.equal(client.state.phase, 'connected');
  });

  it('many messages of one turn leave in few writes', async () => {
    const { client, peer } = await bench.connected();
    const before = peer.chunks.length;
    const outcomes = numbered(1000).map((payload) => publish(client, { payload, qos: 1 }));
    peer.autoRespond();
    await Promise.all(outcomes.map((outcome) => delivered(outcome)));
    assert.ok(peer.chunks.length - before < 20, `${peer.chunks.length - before} chunks`);
  });
});
