import assert from 'node:assert/strict';
import { ConnectionRefused, PublishRejected } from '../../../src/index.ts';
import type { Client, ClientOptions } from '../../../src/index.ts';
import {
  delivered,
  failure,
  Mailbox,
  numbered,
  phase,
  publish,
  subscribe,
  useBench,
} from '../../support/client-bench.ts';
import { until, within } from '../../support/events.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

describe('mosquitto: messages cross', () => {
  const bench = useBench();
  const broker = useMosquitto();

  const connected = (clientId: string, options: Partial<ClientOptions> = {}): Promise<Client> =>
    bench.connect(broker().url, { clientId, ...options });

  for (const protocolVersion of [3, 4, 5] as const) {
    for (const qos of [0, 1, 2] as const) {
      it(`300 messages at QoS ${qos} with version ${protocolVersion}`, async () => {
        const receiver = await connected('receiver', { protocolVersion });
        const mailbox = new Mailbox();
        subscribe(receiver, 'a/+/c', mailbox, { qos });
        assert.deepEqual(await mailbox.outcomes.take('no SUBACK'), { granted: true, qos });
        const sender = await connected('sender', { protocolVersion });
        const outcomes = numbered(300).map((payload) => publish(sender, { topic: 'a/b/c', payload, qos }));
        await Promise.all(outcomes.map((outcome) => delivered(outcome)));
        await until(() => mailbox.messages.length >= 300, 'all came');
        assert.deepEqual(mailbox.texts, numbered(300));
        assert.ok(mailbox.messages.every((packet) => packet.qos === qos && packet.topic === 'a/b/c'));
      });
    }

    it(`a retained message, its removal, and the will with version ${protocolVersion}`, async () => {
      const will = { topic: 'state', payload: 'offline', qos: 1, retain: true } as const;
      const sender = await connected('sender', { protocolVersion, will });
      await delivered(publish(sender, { topic: 'state', payload: 'online', qos: 1, retain: true }));
      const receiver = await connected('receiver', { protocolVersion });
      const mailbox = new Mailbox();
      subscribe(receiver, 'state', mailbox);
      const retained = await mailbox.next();
      assert.deepEqual([String(retained.payload), retained.retain], ['online', true]);
      sender.destroy();
      assert.equal(String((await mailbox.next()).payload), 'offline');
      await delivered(publish(receiver, { topic: 'state', retain: true, qos: 1 }));
      assert.equal((await mailbox.next()).payload.length, 0);
    });
  }

  it('an automatic version ends at 5', async () => {
    assert.equal((await connected('auto', { protocolVersion: 'auto' })).protocolVersion, 5);
  });

  it('an empty client id gets one, and keeps it', async () => {
    const client = await connected('');
    const { clientId } = client;
    assert.notEqual(clientId, '');
    client.destroy();
    await phase(client, 'waiting', 1000).catch(() => undefined); // it may be connected again already
    await phase(client, 'connected');
    assert.equal(client.clientId, clientId);
  });

  it('20,000 messages at QoS 1 arrive once each, in order', async () => {
    const receiver = await connected('receiver');
    const mailbox = new Mailbox();
    subscribe(receiver, 't', mailbox, { qos: 1 });
    await mailbox.outcomes.take('no SUBACK');
    const sender = await connected('sender');
    const outcomes = numbered(20_000).map((payload) => publish(sender, { payload, qos: 1 }));
    await within(Promise.all(outcomes.map(({ settled }) => settled)), 'not all settled', 15_000);
    await until(() => mailbox.messages.length >= 20_000, 'all came', 15_000);
    assert.deepEqual(mailbox.texts, numbered(20_000));
    assert.ok(outcomes.every(({ times, error }) => times === 1 && error === undefined));
  }).timeout(40_000);
});

describe('mosquitto: who may what', () => {
  const bench = useBench();
  const acl = ['user ann', 'topic readwrite allowed/#'];
  const broker = useMosquitto({ users: { ann: 'secret' }, acl });

  for (const protocolVersion of [3, 4, 5] as const) {
    it(`a wrong password is refused, and the right one is not, with version ${protocolVersion}`, async () => {
      const options = { protocolVersion, username: 'ann', backoff: { initial: 60_000, maximum: 60_000 } } as const;
      const wrong = bench.client(broker().url, { ...options, clientId: 'wrong', password: 'guess' });
      wrong.connect();
      const { cause } = await phase(wrong, 'waiting');
      assert.ok(cause instanceof ConnectionRefused);
      assert.equal(cause.reasonCode, 0x87);
      const right = bench.client(broker().url, { ...options, password: 'secret' });
      right.connect();
      await phase(right, 'connected');
    });
  }

  for (const qos of [1, 2] as const) {
    it(`a QoS ${qos} message to a topic that is not allowed fails with the reason, the next one crosses`, async () => {
      const client = bench.client(broker().url, { username: 'ann', password: 'secret' });
      client.connect();
      const error = await failure(publish(client, { topic: 'forbidden', qos }));
      assert.ok(error instanceof PublishRejected);
      assert.equal(error.reasonCode, 0x87);
      await delivered(publish(client, { topic: 'allowed/x', qos }));
    });
  }
});
