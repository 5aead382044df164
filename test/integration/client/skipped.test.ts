import assert from 'node:assert/strict';
import type { ClientOptions, MqttError } from '../../../src/index.ts';
import { delivered, Mailbox, publish, subscribe, useBench } from '../../support/client-bench.ts';
import type { Scene } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { frame, properties, property, text, uint16 } from '../../unit/codec/wire.ts';

describe('a message that cannot be taken in', () => {
  const bench = useBench();

  /** The messages around `bytes`, at QoS 1, come; `bytes` is acknowledged between them, told, and costs nothing else. */
  async function costsOnlyItself({ client, peer, broker }: Scene, bytes: Buffer, notices: MqttError[]): Promise<void> {
    const mailbox = new Mailbox();
    subscribe(client, '#', mailbox);
    await peer.expect('subscribe');
    peer.send({ cmd: 'publish', topic: 't', payload: 'before', qos: 1, messageId: 1, retain: false, dup: false });
    peer.sendBytes(bytes);
    peer.send({ cmd: 'publish', topic: 't', payload: 'behind', qos: 1, messageId: 3, retain: false, dup: false });
    for (const messageId of [1, 2, 3]) assert.equal((await peer.expect('puback')).messageId, messageId);
    await until(() => mailbox.texts.length === 2, 'two messages come');
    assert.deepEqual(mailbox.texts, ['before', 'behind']);
    assert.deepEqual(
      notices.map(({ code }) => code),
      ['message-skipped'],
    );
    peer.autoRespond();
    await delivered(publish(client, { qos: 1 }));
    assert.equal(broker.peers.length, 1, 'the connection was lost');
  }

  it('because of its 10,001 properties costs only itself: the connection stays, the next message comes', async () => {
    const notices: MqttError[] = [];
    const scene = await bench.connected({ report: (notice) => notices.push(notice) });
    const user = property(0x26, Buffer.concat([text('name'), text('value')]));
    const many = properties(...Array<Buffer>(10_001).fill(user));
    await costsOnlyItself(scene, frame(0x33, text('retained/and/bad'), uint16(2), many), notices);
    assert.match(notices[0]?.message ?? '', /"retained\/and\/bad" was skipped: it has more than 10000 properties/);
  });

  it('because of its size costs only itself on 3.1.1, where no broker can be told the maximum', async () => {
    const notices: MqttError[] = [];
    const options: Partial<ClientOptions> = { protocolVersion: 4, maximumPacketSize: 100_000 };
    const scene = await bench.connected({ ...options, report: (notice) => notices.push(notice) });
    await costsOnlyItself(scene, frame(0x33, text('retained/and/large'), uint16(2), Buffer.alloc(1_000_000)), notices);
    assert.match(notices[0]?.message ?? '', /"retained\/and\/large" was skipped: it takes 1000026 bytes/);
  });
});
