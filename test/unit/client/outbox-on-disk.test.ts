import assert from 'node:assert/strict';
import { PagedStore } from '../../support/paged-store.ts';
import { type Outcomes, VirtualClient } from '../../support/virtual-client.ts';

function publishAll({ client }: VirtualClient, names: string): Map<string, Outcomes> {
  const outcomes = new Map<string, Outcomes>();
  for (const payload of names.split('')) {
    const told: Outcomes = [];
    outcomes.set(payload, told);
    client.publish({ topic: 't', payload, qos: 1 }, (error, code) => void told.push(error ?? code));
  }
  return outcomes;
}

const sent = ({ server }: VirtualClient): string =>
  server.connection
    .all('publish')
    .map(({ payload }) => String(payload))
    .join('');

/** The Server acknowledges all that it has; the disk answers at once. */
async function drained(scene: VirtualClient, store: PagedStore): Promise<void> {
  for (let before = -1; before !== sent(scene).length;) {
    before = sent(scene).length;
    store.answerAll();
    await scene.settle();
  }
}

describe('An outbox of which most is on disk alone', () => {
  it('is sent in order by itself, as the disk answers', async () => {
    const store = new PagedStore();
    const scene = new VirtualClient({ store });
    const outcomes = publishAll(scene, 'abcdefgh');
    assert.equal(scene.client.waiting, 8);
    await scene.connected();
    publishAll(scene, 'ij');
    await drained(scene, store);
    assert.equal(sent(scene), 'abcdefghij');
    assert.deepEqual(
      [...outcomes.values()],
      Array.from({ length: 8 }, () => [0]),
    );
    assert.deepEqual({ ...scene.client.outbox }, { messages: 0, bytes: 0, oldest: undefined });
  });

  it('is sent before a message at QoS 0 that waits too', async () => {
    const store = new PagedStore({ messages: 1 });
    const scene = await new VirtualClient({ store, outbox: { qos0Waits: true }, maximumInflight: 1 }).connected();
    publishAll(scene, 'abc');
    await scene.settle();
    assert.equal(sent(scene), 'a');
    scene.publish('t', 0, { payload: 'd' });
    await drained(scene, store);
    assert.equal(sent(scene), 'abcd');
  });

  it('is full at its limit, and the oldest give way in their order', () => {
    const store = new PagedStore({ messages: 1 });
    const scene = new VirtualClient({ store, outbox: { maxMessages: 3, whenFull: 'drop-oldest' } });
    const outcomes = publishAll(scene, 'abcdefg');
    store.answerAll();
    assert.equal(scene.client.waiting, 3);
    assert.deepEqual(
      [...outcomes].filter(([, told]) => told.length > 0).map(([name]) => name),
      ['a', 'b', 'c', 'd'],
    );
    assert.deepEqual(scene.client.numbers.failures, { dropped: 4 });
  });

  it('refuses at its limit, where it is told nothing else', () => {
    const store = new PagedStore({ messages: 1 });
    const scene = new VirtualClient({ store, outbox: { maxMessages: 3 } });
    const outcomes = publishAll(scene, 'abcd');
    assert.match(String(outcomes.get('d')), /the outbox is full \(3 messages are waiting\)/);
  });

  it('has room when what is on disk expires, also without a connection', async () => {
    const store = new PagedStore({ messages: 1 });
    const scene = new VirtualClient({ store, outbox: { longestWait: 5 } });
    const outcomes = publishAll(scene, 'abc');
    await scene.pass(6_000);
    store.answerAll();
    assert.equal(scene.client.waiting, 0);
    for (const told of outcomes.values()) assert.match(String(told), /expired after 5 s before it could be sent/);
  });

  it('goes on with the next client, whoever closes the last one while the disk reads', async () => {
    const store = new PagedStore({ messages: 1 });
    const scene = await new VirtualClient({ store }).connected();
    const outcomes = publishAll(scene, 'abcd');
    await scene.settle();
    const closed = scene.client.close();
    await scene.pass(3_000);
    await closed;
    store.answerAll();
    const next = await new VirtualClient({ store }).connected();
    await drained(next, store);
    assert.equal(sent(scene) + sent(next), 'abcd');
    assert.deepEqual(
      [...outcomes.values()],
      Array.from({ length: 4 }, () => [0]),
    );
  });

  it('is known message by message, those on disk behind the others', async () => {
    const store = new PagedStore();
    const scene = new VirtualClient({ store });
    publishAll(scene, 'abcd');
    const read: string[] = [];
    const reading = (async () => {
      for await (const page of scene.client.waitingMessages())
        read.push(...page.map(({ message }) => String(message.payload)));
    })();
    await scene.settle();
    store.answerAll();
    await reading;
    assert.deepEqual(read, ['a', 'b', 'c', 'd']);
  });
});
