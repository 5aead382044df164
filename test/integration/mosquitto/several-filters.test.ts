import assert from 'node:assert/strict';
import { type Client, type ClientOptions, MemoryStore } from '../../../src/index.ts';
import { delivered, Mailbox, numbered, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

describe('mosquitto: a node with several filters, and several nodes with one', () => {
  const bench = useBench();
  const copies = useMosquitto({ lines: ['allow_duplicate_messages true'] });

  const connected = (clientId: string, options: Partial<ClientOptions> = {}): Promise<Client> =>
    bench.connect(copies().url, { clientId, ...options });

  it('an alarm at QoS 1 is not missed after a time offline, though the node has its topic at QoS 0 too', async () => {
    const kept = { cleanStart: false, sessionExpiryInterval: 600, store: new MemoryStore() };
    const client = await connected('receiver', kept);
    const box = new Mailbox();
    subscribe(client, 'a/#', box, { qos: 0 });
    subscribe(client, 'a/alarm', box, { qos: 1 });
    await until(() => box.outcomes.size === 2, 'both are answered');
    await client.disconnect();
    await delivered(publish(await connected('sender'), { topic: 'a/alarm', payload: 'fire', qos: 1 }));
    client.connect();
    await until(() => box.messages.length > 0, 'the alarm came');
    assert.deepEqual(box.texts, ['fire']);
  });

  it('a node that runs gets each of 120 retained states once, while other nodes subscribe to them', async () => {
    const client = await connected('receiver');
    const box = new Mailbox();
    subscribe(client, 'lamp', box, { qos: 1, retainAsPublished: true });
    await until(() => box.outcomes.size === 1, 'it is answered');
    const sender = await connected('sender');
    for (const [index, payload] of numbered(120).entries()) {
      publish(sender, { topic: 'lamp', payload, qos: 1, retain: true });
      if (index % 8 === 0) subscribe(client, 'lamp', new Mailbox(), { qos: 1, retainAsPublished: true });
      if (index % 12 === 0) await delivered(publish(sender, { topic: 'other', qos: 1 }));
    }
    await until(() => box.texts.includes('119'), 'the last one came');
    await delivered(publish(client, { topic: 'unrelated', qos: 1 }));
    assert.deepEqual(box.texts, numbered(120));
  });
});
