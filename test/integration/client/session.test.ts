import assert from 'node:assert/strict';
import { MemoryStore } from '../../../src/index.ts';
import {
  delivered,
  Mailbox,
  numbered,
  phase,
  publish,
  publishedTo,
  subscribe,
  useBench,
} from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import type { FakeBroker, FakePeer } from '../../support/fake-broker.ts';
import { aPublish } from '../../support/packets.ts';

const KEPT = { cleanStart: false, sessionExpiryInterval: 3600 } as const;

describe('the session', () => {
  const bench = useBench();

  async function next(broker: FakeBroker, sessionPresent: boolean): Promise<FakePeer> {
    const peer = await broker.accept();
    await peer.handshake({ sessionPresent });
    return peer;
  }

  for (const protocolVersion of [4, 5] as const) {
    describe(`with version ${protocolVersion}`, () => {
      const options = { ...KEPT, protocolVersion };

      it('is subscribed once more where the broker has kept it: it may have been killed, and have an older one', async () => {
        const { broker, client, peer } = await bench.connected(options);
        const mailbox = new Mailbox();
        peer.autoRespond();
        subscribe(client, 'a/#', mailbox);
        await mailbox.outcomes.take('no SUBACK');
        // It hears that nothing retained is on its way.
        await peer.expect('subscribe');
        await peer.expectNothing();
        peer.drop();
        const again = await next(broker, true);
        const { subscriptions, messageId = 0 } = await again.expect('subscribe');
        // Without what is retained, where that can be said.
        assert.deepEqual(
          [subscriptions[0]?.topic, subscriptions[0]?.rh],
          ['a/#', protocolVersion === 5 ? 2 : undefined],
        );
        again.send({ cmd: 'suback', messageId, granted: [1] });
        await again.expectNothing();
        const state = await phase(client, 'connected');
        assert.equal(state.sessionPresent, true);
        again.send(aPublish({ topic: 'a/b', payload: 'still here' }));
        assert.equal(String((await mailbox.next()).payload), 'still here');
      });

      it('is subscribed again where the broker has lost it', async () => {
        const { broker, client, peer } = await bench.connected(options);
        const mailbox = new Mailbox();
        peer.autoRespond();
        subscribe(client, 'a/#', mailbox, { qos: 1 });
        await mailbox.outcomes.take('no SUBACK');
        peer.drop();
        const again = await next(broker, false);
        const { subscriptions } = await again.expect('subscribe');
        assert.deepEqual([subscriptions[0]?.topic, subscriptions[0]?.qos], ['a/#', 1]);
      });

      it('a subscription that was not answered is asked for again, also where the broker has kept the session', async () => {
        const { broker, client, peer } = await bench.connected(options);
        subscribe(client, 'a/#', new Mailbox());
        await peer.expect('subscribe');
        peer.drop();
        const again = await next(broker, true);
        await again.expect('subscribe');
        await again.expectNothing();
      });

      it('what was unsubscribed while offline is unsubscribed on the next connection', async () => {
        const { broker, client, peer } = await bench.connected(options);
        const mailbox = new Mailbox();
        peer.autoRespond();
        const subscription = subscribe(client, 'a/#', mailbox);
        await mailbox.outcomes.take('no SUBACK');
        peer.drop();
        await phase(client, 'waiting');
        subscription.unsubscribe();
        const again = await next(broker, true);
        assert.deepEqual((await again.expect('unsubscribe')).unsubscriptions, ['a/#']);
      });

      it('sends a PUBREL again, not its PUBLISH, and PUBLISHes in their first order', async () => {
        const { broker, client, peer } = await bench.connected(options);
        const outcomes = numbered(4).map((payload) => publish(client, { payload, qos: payload === '3' ? 1 : 2 }));
        const ids: number[] = [];
        while (ids.length < 4) ids.push((await peer.expect('publish')).messageId ?? 0);
        peer.send({ cmd: 'pubrec', messageId: ids[1] ?? 0, reasonCode: 0 });
        await peer.expect('pubrel');
        peer.drop();
        const again = await next(broker, true);
        assert.equal((await again.expect('pubrel')).messageId, ids[1]);
        for (const text of ['0', '2', '3']) {
          const packet = await again.expect('publish');
          assert.deepEqual([String(packet.payload), packet.messageId, packet.dup], [text, ids[Number(text)], true]);
        }
        again.autoRespond();
        again.send({ cmd: 'pubcomp', messageId: ids[1] ?? 0, reasonCode: 0 });
        for (const messageId of [ids[0] ?? 0, ids[2] ?? 0]) again.send({ cmd: 'pubrec', messageId, reasonCode: 0 });
        again.send({ cmd: 'puback', messageId: ids[3] ?? 0, reasonCode: 0 });
        await Promise.all(outcomes.map((outcome) => delivered(outcome)));
      });

      it('a QoS 2 message that comes again on the next connection is not delivered again', async () => {
        const { broker, client, peer } = await bench.connected(options);
        const mailbox = new Mailbox();
        subscribe(client, 't', mailbox);
        await peer.expect('subscribe');
        peer.send(aPublish({ payload: 'once', qos: 2, messageId: 3 }));
        await peer.expect('pubrec');
        peer.drop();
        const again = await next(broker, true);
        await again.expect('subscribe');
        again.send(aPublish({ payload: 'once', qos: 2, messageId: 3, dup: true }));
        await again.expect('pubrec');
        again.send({ cmd: 'pubrel', messageId: 3, reasonCode: 0 });
        await again.expect('pubcomp');
        assert.deepEqual(mailbox.texts, ['once']);
      });

      it('where the broker lost it, what was unacknowledged is published anew, first and in order', async () => {
        const { broker, client, peer } = await bench.connected({ ...options, maximumInflight: 2 });
        const outcomes = numbered(4).map((payload) => publish(client, { payload, qos: 1 }));
        await peer.expect('publish');
        await peer.expect('publish');
        peer.drop();
        const again = await broker.accept();
        again.autoRespond();
        await Promise.all(outcomes.map((outcome) => delivered(outcome)));
        assert.deepEqual(publishedTo(again), numbered(4));
        assert.ok(again.received.every((packet) => packet.cmd !== 'publish' || !packet.dup));
      });

      it('a store carries it to another client: messages, ids and received QoS 2 ids', async () => {
        const store = new MemoryStore();
        const { broker, client, peer } = await bench.connected({ ...options, store });
        const outcome = publish(client, { payload: 'sent', qos: 1 });
        const { messageId } = await peer.expect('publish');
        peer.send(aPublish({ payload: 'received', qos: 2, messageId: 8 }));
        await peer.expect('pubrec');
        peer.drop();
        await client.close();
        assert.equal(outcome.times, 0, 'nothing is told before it is true');
        for (const early of broker.peers) early.drop();

        const heir = bench.client(broker.url, { ...options, store });
        const mailbox = new Mailbox();
        subscribe(heir, 't', mailbox);
        publish(heir, { payload: 'new', qos: 1 });
        heir.connect();
        const again = await accepted(broker);
        const packets = [await again.expect('subscribe'), await again.expect('publish'), await again.expect('publish')];
        const [, old, fresh] = packets;
        assert.ok(old?.cmd === 'publish' && fresh?.cmd === 'publish');
        assert.deepEqual([String(old.payload), old.messageId, old.dup], ['sent', messageId, true]);
        assert.deepEqual([String(fresh.payload), fresh.dup], ['new', false]);
        assert.equal(new Set(packets.map((packet) => packet.messageId)).size, 3);
        again.send(aPublish({ payload: 'received', qos: 2, messageId: 8, dup: true }));
        await again.expect('pubrec');
        assert.equal(mailbox.messages.length, 0);
      });
    });
  }

  /** The first connection that stays: one of the old client may still have come. */
  async function accepted(broker: FakeBroker): Promise<FakePeer> {
    for (;;) {
      const peer = await broker.accept();
      const answered = await peer.handshake({ sessionPresent: true }).catch(() => undefined);
      if (answered !== undefined) return peer;
    }
  }

  it('goes on before MQTT 5 tells of it: with version 3 the PUBREL is sent again', async () => {
    const { broker, client, peer } = await bench.connected({ ...KEPT, protocolVersion: 3 });
    const taken = publish(client, { payload: 'taken', qos: 2 });
    const open = publish(client, { payload: 'open', qos: 2 });
    const { messageId: first = 0 } = await peer.expect('publish');
    const { messageId: second = 0 } = await peer.expect('publish');
    peer.send({ cmd: 'pubrec', messageId: first, reasonCode: 0 });
    await peer.expect('pubrel');
    peer.drop();
    const again = await next(broker, false);
    assert.equal((await again.expect('pubrel')).messageId, first);
    const packet = await again.expect('publish');
    assert.deepEqual([packet.messageId, packet.dup], [second, true]);
    assert.equal(taken.times, 0);
    again.autoRespond();
    again.send({ cmd: 'pubcomp', messageId: first, reasonCode: 0 });
    again.send({ cmd: 'pubrec', messageId: second, reasonCode: 0 });
    await Promise.all([delivered(taken), delivered(open)]);
  });

  it('a clean start clears it on the first connection only, where MQTT 5 keeps it for a while', async () => {
    const { broker, connect, peer } = await bench.connected({ cleanStart: true, sessionExpiryInterval: 60 });
    assert.equal(connect.clean, true);
    peer.drop();
    assert.equal((await (await broker.accept()).expect('connect')).clean, false);
  });

  it('without expiry every connection is a clean start', async () => {
    const { broker, peer } = await bench.connected({ cleanStart: true });
    peer.drop();
    assert.equal((await (await broker.accept()).expect('connect')).clean, true);
  });

  it('the client id that the broker assigned is used from then on [MQTT-3.2.2-16] [MQTT-3.1.3-7]', async () => {
    const properties = { assignedClientIdentifier: 'given' };
    const { broker, client, connect, peer } = await bench.connected({ clientId: '' }, { properties });
    assert.equal(connect.clientId, '');
    assert.equal(client.clientId, 'given');
    peer.drop();
    assert.equal((await (await broker.accept()).expect('connect')).clientId, 'given');
  });

  it('disconnect keeps what is stored, and connect sends it', async () => {
    const { broker, client, peer } = await bench.connected(KEPT);
    await client.disconnect();
    await peer.expect('disconnect');
    assert.equal(client.state.phase, 'idle');
    const outcome = publish(client, { payload: 'kept', qos: 1 });
    client.connect();
    const again = await next(broker, true);
    again.autoRespond();
    await delivered(outcome);
    await until(() => publishedTo(again).length === 1, 'it came');
  });
});
