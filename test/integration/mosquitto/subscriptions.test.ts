import assert from 'node:assert/strict';
import type { Client, ClientOptions } from '../../../src/index.ts';
import { delivered, Mailbox, numbered, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

describe('mosquitto: subscriptions', () => {
  const bench = useBench();
  const broker = useMosquitto({ lines: ['log_dest stderr', 'log_type debug', 'log_type information'] });

  const connected = (clientId: string, options: Partial<ClientOptions> = {}): Promise<Client> =>
    bench.connect(broker().url, { clientId, ...options });

  async function subscribed(client: Client, ...filters: string[]): Promise<Mailbox> {
    const mailbox = new Mailbox();
    for (const filter of filters) subscribe(client, filter, mailbox);
    for (const filter of filters) assert.ok((await mailbox.outcomes.take(`no outcome for ${filter}`)).granted);
    return mailbox;
  }

  it('a shared subscription gives each message to one of the group', async () => {
    const boxes: Mailbox[] = [];
    for (const name of ['one', 'two', 'three']) {
      boxes.push(await subscribed(await connected(name), '$share/group/shared/#'));
    }
    const sender = await connected('sender');
    for (const payload of numbered(90)) publish(sender, { topic: 'shared/x', payload, qos: 1 });
    const came = (): string[] => boxes.flatMap(({ texts }) => texts);
    await until(() => came().length >= 90, 'all came');
    await delivered(publish(sender, { topic: 'other', qos: 1 }));
    assert.deepEqual(
      came().sort((a, b) => Number(a) - Number(b)),
      numbered(90),
    );
    assert.ok(boxes.every(({ messages }) => messages.length > 0));
  });

  for (const protocolVersion of [4, 5] as const) {
    it(`overlapping filters: one copy per receiver (version ${protocolVersion})`, async () => {
      const client = await connected('receiver', { protocolVersion });
      const all = await subscribed(client, 'o/#', 'o/+', 'o/x', '+/x');
      const some = await subscribed(client, 'o/x', 'o/+/#');
      const none = await subscribed(client, 'o/x/y/z');
      const sender = await connected('sender', { protocolVersion });
      for (const payload of numbered(50)) publish(sender, { topic: 'o/x', payload, qos: 1 });
      publish(sender, { topic: 'o/end', payload: 'end', qos: 1 });
      await until(() => all.texts.includes('end') && some.texts.includes('end'), 'all came');
      await delivered(publish(client, { topic: 'unrelated', qos: 1 }));
      assert.deepEqual(all.texts, [...numbered(50), 'end']);
      assert.deepEqual(some.texts, [...numbered(50), 'end']);
      assert.equal(none.messages.length, 0);
    });
  }

  it('1,000 subscriptions take at most 125 SUBSCRIBE packets, and each gets its own message only', async () => {
    const client = bench.client(broker().url, { clientId: 'thousand' });
    const boxes = numbered(1000).map((text) => {
      const mailbox = new Mailbox();
      subscribe(client, `thousand/${text}`, mailbox, { qos: 1 });
      return mailbox;
    });
    client.connect();
    await until(() => boxes.every(({ outcomes }) => outcomes.size === 1), 'all are answered');
    const sender = await connected('sender');
    for (const text of numbered(1000)) publish(sender, { topic: `thousand/${text}`, payload: text, qos: 1 });
    await until(() => boxes.every(({ messages }) => messages.length > 0), 'all came');
    assert.deepEqual(
      boxes.flatMap(({ texts }) => texts),
      numbered(1000),
    );
    const packets = broker().log.match(/Received SUBSCRIBE from thousand/g) ?? [];
    assert.ok(packets.length > 0 && packets.length <= 125, `${packets.length} packets`);
  });

  it('a filter that nobody wants any more brings nothing', async () => {
    const client = await connected('receiver');
    const kept = await subscribed(client, 'v/1');
    const left = new Mailbox();
    const subscription = subscribe(client, 'u/1', left);
    await left.outcomes.take('no outcome');
    subscription.unsubscribe();
    await until(() => broker().log.includes('Received UNSUBSCRIBE from receiver'), 'it is unsubscribed');
    const sender = await connected('sender');
    for (const topic of ['u/1', 'v/1']) await delivered(publish(sender, { topic, qos: 1 }));
    await kept.next();
    assert.deepEqual([kept.messages.length, left.messages.length], [1, 0]);
  });
});
