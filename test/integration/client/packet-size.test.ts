import assert from 'node:assert/strict';
import { PacketTooLarge } from '../../../src/index.ts';
import type { SubscriptionOutcome } from '../../../src/index.ts';
import { Mailbox, numbered, phase, subscribe, useBench } from '../../support/client-bench.ts';
import { until } from '../../support/events.ts';
import type { FakePeer } from '../../support/fake-broker.ts';

describe('subscriptions and the Maximum Packet Size of the broker', () => {
  const bench = useBench();

  it('filters that do not fit into one SUBSCRIBE are sent in several, and unsubscribed in several', async () => {
    const { client, peer } = await bench.connected({}, { properties: { maximumPacketSize: 100 } });
    const mailbox = new Mailbox();
    const filters = numbered(8).map((text) => `${text}/${'x'.repeat(30)}`);
    const subscriptions = filters.map((filter) => subscribe(client, filter, mailbox));
    peer.autoRespond();
    await until(() => mailbox.outcomes.size === 8, 'eight outcomes');
    const outcomes: SubscriptionOutcome[] = [];
    while (mailbox.outcomes.size > 0) outcomes.push(await mailbox.outcomes.take('no outcome'));
    assert.ok(outcomes.every(({ granted }) => granted));
    for (const subscription of subscriptions) subscription.unsubscribe();
    await until(() => unsubscribed(peer).length === 8, 'eight unsubscribed');
    assert.deepEqual(unsubscribed(peer).sort(), filters);
    assert.ok(Math.max(...peer.received.slice(1).map((packet) => peer.encode(packet).length)) <= 100);
    assert.equal((await phase(client, 'connected')).phase, 'connected');
  });

  it('a filter that is too large alone is refused alone', async () => {
    const { client, peer } = await bench.connected({}, { properties: { maximumPacketSize: 100 } });
    peer.autoRespond();
    const [large, small] = [new Mailbox(), new Mailbox()];
    subscribe(client, 'x'.repeat(100), large);
    subscribe(client, 'small', small);
    const refused = await large.outcomes.take('no outcome');
    assert.ok(!refused.granted && refused.error instanceof PacketTooLarge);
    assert.ok((await small.outcomes.take('no outcome')).granted);
  });

  function unsubscribed(peer: FakePeer): string[] {
    return peer.received.flatMap((packet) => (packet.cmd === 'unsubscribe' ? packet.unsubscriptions : []));
  }
});
