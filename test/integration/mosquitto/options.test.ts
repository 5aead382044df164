import assert from 'node:assert/strict';
import type { Client, ClientOptions, SubscriptionOptions } from '../../../src/index.ts';
import { delivered, Mailbox, numbered, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

const KEPT = { cleanStart: false, sessionExpiryInterval: 3600 } as const;

// mosquitto up to 2.0 goes on with No Local and Retain As Published of a filter's first SUBSCRIBE, against 3.8.4.
describe('mosquitto: two nodes want different options of one filter, MQTT 5', () => {
  const bench = useBench();
  const broker = useMosquitto();

  const connected = (clientId: string, options: Partial<ClientOptions> = {}): Promise<Client> =>
    bench.connect(broker().url, { clientId, ...options });

  async function node(client: Client, filter: string, options: Partial<SubscriptionOptions>): Promise<Mailbox> {
    const mailbox = new Mailbox();
    subscribe(client, filter, mailbox, { retainAsPublished: true, ...options });
    assert.ok((await mailbox.outcomes.take(`no outcome for ${filter}`)).granted);
    return mailbox;
  }

  it('our own messages reach the second node, which wants them, though the first one has No Local', async () => {
    const client = await connected('no-local');
    await node(client, 'own', { noLocal: true });
    const second = await node(client, 'own', {});
    await delivered(publish(client, { topic: 'own', payload: 'mine', qos: 1 }));
    await until(() => second.texts.includes('mine'), 'our own message');
  });

  it('No Local is in force though the connection was lost with the change, kept session', async () => {
    const proxy = await FaultProxy.listen(broker().port);
    try {
      const client = bench.client(`mqtt://127.0.0.1:${proxy.port}`, { clientId: 'hole', ...KEPT });
      client.connect();
      const before = new Mailbox();
      const loop = subscribe(client, 'loop', before, { noLocal: false });
      assert.ok((await before.outcomes.take('no outcome')).granted);
      proxy.freeze();
      loop.unsubscribe();
      const after = new Mailbox();
      subscribe(client, 'loop', after, { noLocal: true });
      await new Promise((resolve) => setTimeout(resolve, 20));
      proxy.cut();
      proxy.thaw();
      assert.ok((await after.outcomes.take('no outcome')).granted);
      await delivered(publish(client, { topic: 'loop', payload: 'mine', qos: 1 }));
      await delivered(publish(await connected('sender'), { topic: 'loop', payload: 'theirs', qos: 1 }));
      await until(() => after.texts.includes('theirs'), 'what others send');
      assert.deepEqual(after.texts, ['theirs']);
    } finally {
      await proxy.close();
    }
  });

  it('a node that wants nothing retained misses nothing after a restart over a kept session, which has the flag', async () => {
    const sender = await connected('sender');
    const earlier = await connected('restart', KEPT);
    await node(earlier, 'alarm/#', {});
    await earlier.close();
    const later = await connected('restart', KEPT);
    const boxes = [new Mailbox(), new Mailbox()] as const;
    subscribe(later, 'alarm/#', boxes[0], { retainAsPublished: true });
    subscribe(later, 'alarm/#', boxes[1], { retainAsPublished: true, retainHandling: 2 });
    const texts = numbered(100);
    for (const payload of texts) {
      await delivered(publish(sender, { topic: `alarm/${payload}`, payload, qos: 1, retain: true }));
    }
    const last = texts.at(-1) ?? '';
    await until(() => boxes.every((each) => each.texts.includes(last)), 'the last message');
    for (const each of boxes) assert.deepEqual(missing(texts, each.texts), []);
  });

  for (const kept of [false, true]) {
    it(`running nodes miss no live message while others come that want what is retained (${kept ? 'kept' : 'clean'} session)`, async () => {
      const client = await connected('lamps', kept ? KEPT : {});
      const sender = await connected('sender');
      const running = [await node(client, 'lamp/#', {}), await node(client, 'lamp/#', { retainHandling: 2 })];
      const texts = numbered(600);
      const sent = texts.map(async (payload, index) => {
        if (index % 100 === 50) {
          const comes = subscribe(client, 'lamp/#', new Mailbox(), { retainAsPublished: true });
          setTimeout(() => comes.unsubscribe(), 60);
        }
        await new Promise((resolve) => setTimeout(resolve, index));
        await delivered(publish(sender, { topic: `lamp/${payload}`, payload, qos: 1, retain: true }));
      });
      await Promise.all(sent);
      const last = texts.at(-1) ?? '';
      await until(() => running.every((each) => each.texts.includes(last)), 'the last message');
      for (const each of running) assert.deepEqual(missing(texts, each.texts), []);
    });
  }
});

function missing(sent: readonly string[], came: readonly string[]): string[] {
  const has = new Set(came);
  return sent.filter((text) => !has.has(text));
}
