import assert from 'node:assert/strict';
import type { Client, ClientOptions, SubscriptionOptions } from '../../../src/index.ts';
import { delivered, Mailbox, numbered, phase, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import { useMosquitto } from '../../support/mosquitto-bench.ts';

// mosquitto up to 2.0 goes on with No Local and Retain As Published of a filter's first SUBSCRIBE, against 3.8.4.
describe('mosquitto: two nodes want different options of one filter, MQTT 5', () => {
  const bench = useBench();
  const broker = useMosquitto();

  async function connected(clientId: string, options: Partial<ClientOptions> = {}): Promise<Client> {
    const client = bench.client(broker().url, { clientId, ...options });
    client.connect();
    await phase(client, 'connected');
    return client;
  }

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

  it('live messages keep the RETAIN flag for the second node, though the first one does without', async () => {
    const client = await connected('flag');
    const sender = await connected('sender');
    await node(client, 'flag', { retainAsPublished: false });
    const second = await node(client, 'flag', {});
    const flagged = (): boolean => second.messages.some(({ retain }) => retain);
    for (let tries = 0; tries < 100 && !flagged(); tries++) {
      await delivered(publish(sender, { topic: 'flag', payload: String(tries), qos: 1, retain: true }));
      await delivered(publish(client, { topic: 'unrelated', qos: 1 }));
    }
    assert.ok(flagged());
  });

  for (const kept of [false, true]) {
    it(`running nodes miss no live message while others come that want what is retained (${kept ? 'kept' : 'clean'} session)`, async () => {
      const client = await connected('lamps', { cleanStart: !kept, sessionExpiryInterval: kept ? 3600 : 0 });
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
