import assert from 'node:assert/strict';
import { delivered, Mailbox, numbered, phase, publish, subscribe, useBench } from '../../support/client-bench.ts';
import type { Scene } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { aPublish } from '../../support/packets.ts';

describe('receiving', () => {
  const bench = useBench();

  async function subscribed(protocolVersion: 3 | 4 | 5): Promise<Scene & { mailbox: Mailbox }> {
    const scene = await bench.connected({ protocolVersion });
    const mailbox = new Mailbox();
    subscribe(scene.client, 't/#', mailbox);
    const { messageId = 0 } = await scene.peer.expect('subscribe');
    scene.peer.send({ cmd: 'suback', messageId, granted: [2] });
    await mailbox.outcomes.take('no SUBACK');
    return { ...scene, mailbox };
  }

  for (const protocolVersion of [3, 4, 5] as const) {
    describe(`with version ${protocolVersion}`, () => {
      it('delivers QoS 0, and tells whether it was retained', async () => {
        const { peer, mailbox } = await subscribed(protocolVersion);
        peer.send(aPublish({ topic: 't/1', payload: 'x', retain: true }));
        const packet = await mailbox.next();
        assert.deepEqual([packet.topic, String(packet.payload), packet.qos, packet.retain], ['t/1', 'x', 0, true]);
        await peer.expectNothing();
      });

      it('acknowledges QoS 1', async () => {
        const { peer, mailbox } = await subscribed(protocolVersion);
        peer.send(aPublish({ topic: 't/1', qos: 1, messageId: 65_535 }));
        assert.equal((await mailbox.next()).qos, 1);
        assert.equal((await peer.expect('puback')).messageId, 65_535);
      });

      it('acknowledges QoS 2 in two steps and delivers it once, however often it comes', async () => {
        const { peer, mailbox } = await subscribed(protocolVersion);
        for (const dup of [false, true, false]) {
          peer.send(aPublish({ topic: 't/1', payload: 'first', qos: 2, messageId: 5, dup }));
          assert.equal((await peer.expect('pubrec')).messageId, 5);
        }
        peer.send({ cmd: 'pubrel', messageId: 5, reasonCode: 0 });
        assert.equal((await peer.expect('pubcomp')).messageId, 5);
        peer.send(aPublish({ topic: 't/1', payload: 'second', qos: 2, messageId: 5 }));
        await peer.expect('pubrec');
        assert.deepEqual(mailbox.texts, ['first', 'second']);
      });

      it('acknowledges what nobody here wants [MQTT-4.5.0-2] [MQTT-3.3.2-3]', async () => {
        const { peer, mailbox } = await subscribed(protocolVersion);
        peer.send(aPublish({ topic: 'other', qos: 1, messageId: 1 }));
        peer.send(aPublish({ topic: 'other', qos: 2, messageId: 2 }));
        await peer.expect('puback');
        await peer.expect('pubrec');
        assert.equal(mailbox.messages.length, 0);
      });

      it('understands all when every byte comes alone', async () => {
        const { client, peer, mailbox } = await subscribed(protocolVersion);
        const bytes = [0, 1, 2].map((qos) =>
          peer.encode(aPublish({ topic: 't/ü', payload: `QoS ${qos}`, qos: qos as 0, messageId: 7 })),
        );
        const pubrel = peer.encode({ cmd: 'pubrel', messageId: 7, reasonCode: 0 });
        await peer.trickle(Buffer.concat([...bytes, pubrel, peer.encode({ cmd: 'pingresp' })]));
        await peer.expect('puback');
        await peer.expect('pubrec');
        await peer.expect('pubcomp');
        const outcome = publish(client, { qos: 2 });
        const { messageId = 0 } = await peer.expect('publish');
        await peer.trickle(peer.encode({ cmd: 'pubrec', messageId, reasonCode: 0 }));
        await peer.expect('pubrel');
        await peer.trickle(peer.encode({ cmd: 'pubcomp', messageId, reasonCode: 0 }));
        await delivered(outcome);
        assert.deepEqual(mailbox.texts, ['QoS 0', 'QoS 1', 'QoS 2']);
      });

      it('understands a thousand packets in one chunk, and answers in a few writes', async () => {
        const { peer, mailbox } = await subscribed(protocolVersion);
        const packets = numbered(1000).map((payload, index) =>
          peer.encode(aPublish({ topic: 't/1', payload, qos: 1, messageId: index + 1 })),
        );
        const before = peer.chunks.length;
        peer.sendBytes(Buffer.concat(packets));
        for (const text of numbered(1000)) assert.equal((await peer.expect('puback')).messageId, Number(text) + 1);
        assert.deepEqual(mailbox.texts, numbered(1000));
        assert.ok(peer.chunks.length - before <= 8, `${peer.chunks.length - before} chunks`);
      });
    });
  }

  it('gives every property of MQTT 5, the user properties in their order', async () => {
    const { peer, mailbox } = await subscribed(5);
    // Format 1, expiry 9, content type "c", response topic "r", correlation 0102, user properties a=1, b=2, a=3.
    peer.sendBytes(
      '30 31 0003 742f31 29 01 01 02 00000009 03 0001 63 08 0001 72 09 0002 0102' +
        '26 0001 61 0001 31 26 0001 62 0001 32 26 0001 61 0001 33 7879',
    );
    const { properties, payload } = await mailbox.next();
    assert.equal(String(payload), 'xy');
    assert.deepEqual(properties, {
      payloadFormatIndicator: true,
      messageExpiryInterval: 9,
      contentType: 'c',
      responseTopic: 'r',
      correlationData: Buffer.from([1, 2]),
      userProperties: [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ],
    });
  });

  it('keeps a byte order mark in a topic', async () => {
    const { peer, mailbox } = await subscribed(5);
    peer.send(aPublish({ topic: 't/\ufeffx' }));
    assert.equal((await mailbox.next()).topic, 't/\ufeffx');
  });

  it('a Topic Alias can be given a new topic, and does not survive the connection', async () => {
    const { broker, client, peer, mailbox } = await subscribed(5);
    for (const topic of ['t/1', '', 't/2', '']) peer.send(aPublish({ topic, properties: { topicAlias: 1 } }));
    await until(() => mailbox.messages.length === 4, 'all four came');
    assert.deepEqual(
      mailbox.messages.map(({ topic }) => topic),
      ['t/1', 't/1', 't/2', 't/2'],
    );
    peer.drop();
    const again = await broker.accept();
    await again.handshake();
    await again.expect('subscribe');
    again.send(aPublish({ topic: '', properties: { topicAlias: 1 } }));
    assert.equal((await again.expect('disconnect')).reasonCode, 0x82);
    await phase(client, 'waiting');
  });

  it('a large payload that comes in many chunks is whole', async () => {
    const { peer, mailbox } = await subscribed(5);
    const payload = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251));
    peer.send(aPublish({ topic: 't/1', payload, qos: 1, messageId: 1 }));
    assert.ok((await mailbox.next()).payload.equals(payload));
  });

  it('goes on while the send window is full and the own messages wait [MQTT-3.3.4-8] [MQTT-4.9.0-3]', async () => {
    const { client, peer } = await bench.connected({}, { properties: { receiveMaximum: 1 } });
    for (const payload of numbered(3)) publish(client, { payload, qos: 1 });
    await peer.expect('publish');
    peer.send(aPublish({ qos: 1, messageId: 9 }));
    assert.equal((await peer.expect('puback')).messageId, 9);
    const mailbox = new Mailbox();
    subscribe(client, 'x', mailbox);
    await peer.expect('subscribe');
  });

  it('more open QoS 2 messages than the own Receive Maximum end the connection with 0x93', async () => {
    const { client, peer } = await bench.connected({ receiveMaximum: 2 });
    for (const messageId of [1, 2, 3]) peer.send(aPublish({ qos: 2, messageId }));
    assert.equal((await peer.expect('disconnect')).reasonCode, 0x93);
    await phase(client, 'waiting');
  });

  it('overlapping filters on MQTT 5: a receiver takes the copy of one, whatever ids the broker sends', async () => {
    const { client, peer } = await bench.connected();
    const mailbox = new Mailbox();
    const ids = new Map<string, number>();
    for (const filter of ['a/+', 'a/#']) subscribe(client, filter, mailbox);
    while (ids.size < 2) {
      const packet = await peer.expect('subscribe');
      const [subscription] = packet.subscriptions;
      assert.equal(packet.subscriptions.length, 1);
      ids.set(subscription?.topic ?? '', Number(packet.properties?.subscriptionIdentifier));
      peer.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [0] });
    }
    const [plus = 0, hash = 0] = [ids.get('a/+'), ids.get('a/#')];
    // One copy for each subscription, or one copy for both: either way it is delivered once.
    for (const id of [plus, hash]) {
      peer.send(aPublish({ topic: 'a/b', payload: 'each', properties: { subscriptionIdentifier: id } }));
    }
    peer.send(aPublish({ topic: 'a/b', payload: 'both', properties: { subscriptionIdentifier: [plus, hash] } }));
    peer.send(aPublish({ topic: 'a/b', payload: 'last' }));
    await until(() => mailbox.texts.includes('last'), 'all came');
    assert.deepEqual(mailbox.texts, ['each', 'both', 'last']);
  });
});
