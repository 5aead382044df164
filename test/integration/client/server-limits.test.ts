import assert from 'node:assert/strict';
import { Mailbox, subscribe, useBench } from '../../support/client-bench.ts';

describe('limits of the broker', () => {
  const bench = useBench();

  for (const [property, filter, name] of [
    ['wildcardSubscriptionAvailable', 'a/#', 'wildcard'],
    ['wildcardSubscriptionAvailable', '$share/g/+', 'wildcard'],
    ['sharedSubscriptionAvailable', '$share/g/a', 'shared'],
  ] as const) {
    it(`${filter} is not asked for where ${property} is 0, and the receiver hears why`, async () => {
      const { client, peer } = await bench.connected({}, { properties: { [property]: false } });
      const mailbox = new Mailbox();
      subscribe(client, filter, mailbox);
      const outcome = await mailbox.outcomes.take('no outcome');
      assert.ok(!outcome.granted && outcome.error.code === 'not-supported');
      assert.match(outcome.error.message, new RegExp(`${name} subscriptions`));
      subscribe(client, 'plain', mailbox);
      const { subscriptions } = await peer.expect('subscribe');
      assert.deepEqual(
        subscriptions.map(({ topic }) => topic),
        ['plain'],
      );
    });
  }

  it('no Subscription Identifier is sent where the broker has none', async () => {
    const limits = { properties: { subscriptionIdentifiersAvailable: false } };
    const { client, peer } = await bench.connected({}, limits);
    for (const filter of ['a/#', 'b/#']) subscribe(client, filter, new Mailbox());
    const { subscriptions, properties } = await peer.expect('subscribe');
    assert.equal(subscriptions.length, 2);
    assert.equal(properties?.subscriptionIdentifier, undefined);
  });
});
