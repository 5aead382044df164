import assert from 'node:assert/strict';
import type { Packet } from 'mqtt-packet';
import type { WaitingMessage } from '../../../src/client/client.ts';
import type { OutboxOptions } from '../../../src/client/outbox.ts';
import type { QoS } from '../../../src/protocol/packet.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import type { Durable } from '../../../src/store/session-store.ts';
import { type Outcomes, VirtualClient } from '../../support/virtual-client.ts';

/** A client that has not connected yet. */
function waiting(outbox: Partial<OutboxOptions>, protocolVersion: 4 | 5 = 4): VirtualClient {
  return new VirtualClient({ protocolVersion, outbox });
}

/** Publishes one message for each name, at QoS 1, to the topic of its first letter. */
function publishAll(scene: VirtualClient, names: readonly string[]): Map<string, Outcomes> {
  return new Map(names.map((name) => [name, scene.publish(name.charAt(0), 1, { payload: name })]));
}

/** What was told so far, in few words. */
function told(outcomes: ReadonlyMap<string, Outcomes>): string[] {
  return [...outcomes].map(([name, [first]]) => {
    if (first === undefined) return `${name} waits`;
    return first instanceof Error ? `${name} ${'code' in first ? String(first.code) : ''}` : `${name} done`;
  });
}

function sent({ server }: VirtualClient): string[] {
  return server.connection.all('publish').map(({ payload }) => String(payload));
}

describe('A full outbox', () => {
  it('refuses the newest, unless it is told otherwise', () => {
    const outcomes = publishAll(waiting({ maxMessages: 2 }), ['a1', 'b1', 'c1']);
    assert.deepEqual(told(outcomes), ['a1 waits', 'b1 waits', 'c1 outbox-full']);
  });

  it('drops the oldest where it is told to, and says so to who sent it', async () => {
    const scene = waiting({ maxMessages: 2, whenFull: 'drop-oldest' });
    const outcomes = publishAll(scene, ['a1', 'b1', 'c1', 'd1']);
    assert.deepEqual(told(outcomes), ['a1 dropped', 'b1 dropped', 'c1 waits', 'd1 waits']);
    assert.match(
      String(outcomes.get('a1')?.[0]),
      /the message to a was dropped: the outbox was full, and the oldest give way to newer ones/,
    );
    await scene.connected();
    assert.deepEqual(sent(scene), ['c1', 'd1']);
    assert.deepEqual(scene.client.numbers.failures, { dropped: 2 });
  });

  it('has the new message in it before anybody is told that his gave way: what he publishes then comes behind', async () => {
    for (const whenFull of ['drop-oldest', 'keep-latest'] as const) {
      const scene = waiting({ maxMessages: 2, whenFull });
      scene.client.publish({ topic: 'a', qos: 1, payload: 'a1' }, () => void scene.publish('b', 1, { payload: 'b2' }));
      publishAll(scene, ['b1', 'a2']);
      await scene.connected();
      assert.deepEqual(sent(scene), ['a2', 'b2'], whenFull);
    }
  });

  it('tells each of whom it takes a place though another one who is told throws', () => {
    const scene = waiting({ maxBytes: 2000, whenFull: 'drop-oldest' });
    scene.client.publish({ topic: 'a', qos: 1, payload: 'a1' }, () => assert.fail('a flow that fails'));
    const others = publishAll(scene, ['b1', 'c1']);
    const large = scene.publish('f', 1, { payload: Buffer.alloc(1700) });
    assert.deepEqual([told(others), large], [['b1 dropped', 'c1 dropped'], []]);
    assert.match(scene.notices.map(({ message }) => message).join(), /failed: a flow that fails/);
  });

  it('goes on though whoever is told that his gave way gives another one: each is told, in turns of their own', async () => {
    const scene = waiting({ maxMessages: 2, whenFull: 'drop-oldest' });
    let [given, told] = [0, 0];
    const give = (): void => {
      if (given === 500) return;
      given += 1;
      scene.client.publish({ topic: 'a', qos: 1, payload: `${given}` }, () => {
        told += 1;
        give();
      });
    };
    for (let n = 0; n < 3; n++) give();
    assert.ok(given < 10, `${given} within one turn`);
    await scene.settle();
    assert.deepEqual([given, told], [500, 498]);
    scene.client.discardUnsent();
    assert.equal(told, 500);
  });

  it('drops none for one that is too large all the same', () => {
    const scene = waiting({ maxBytes: 2000, whenFull: 'drop-oldest' });
    const small = publishAll(scene, ['a1', 'b1', 'c1', 'd1']);
    const tooLarge = scene.publish('e', 1, { payload: Buffer.alloc(2000) });
    assert.match(String(tooLarge[0]), /not accepted for e: the outbox is full/);
    scene.client.discardUnsent();
    assert.deepEqual(
      told(small),
      ['a1 dropped', 'b1 dropped', 'c1 dropped', 'd1 dropped'],
      'who waits is told at once',
    );
  });

  it('drops as many as a large one needs', () => {
    const scene = waiting({ maxBytes: 2000, whenFull: 'drop-oldest' });
    const small = publishAll(scene, ['a1', 'b1', 'c1', 'd1']);
    const large = scene.publish('f', 1, { payload: Buffer.alloc(1300) });
    assert.deepEqual(large, []);
    assert.deepEqual(told(small), ['a1 dropped', 'b1 dropped', 'c1 waits', 'd1 waits']);
  });

  it('does not drop what is under way', async () => {
    const scene = await waiting({ maxMessages: 2, whenFull: 'drop-oldest' }).connected();
    scene.server.answers = { publish: () => undefined };
    scene.server.connection.answers = { publish: () => undefined };
    const outcomes = publishAll(scene, ['a1', 'b1']);
    await scene.settle();
    assert.deepEqual(sent(scene), ['a1', 'b1']);
    assert.match(String(scene.publish('c', 1)[0]), /outbox is full/);
    assert.deepEqual(told(outcomes), ['a1 waits', 'b1 waits']);
  });

  it('keeps the latest of each topic where it is told to', async () => {
    const scene = waiting({ maxMessages: 2, whenFull: 'keep-latest' });
    const outcomes = publishAll(scene, ['a1', 'b1', 'a2', 'c1', 'b2', 'b3']);
    assert.deepEqual(told(outcomes), [
      'a1 dropped',
      'b1 dropped',
      'a2 waits',
      'c1 outbox-full',
      'b2 dropped',
      'b3 waits',
    ]);
    assert.match(String(outcomes.get('a1')?.[0]), /the outbox was full, and a later one to its topic takes its place/);
    await scene.connected();
    assert.deepEqual(sent(scene), ['a2', 'b3']);
  });

  it('keeps every message while there is room, and then gives up those that a later one replaces', async () => {
    const scene = waiting({ maxMessages: 4, whenFull: 'keep-latest' });
    const outcomes = publishAll(scene, ['a1', 'a2', 'a3', 'b1', 'c1', 'd1', 'e1']);
    assert.deepEqual(told(outcomes), [
      'a1 dropped',
      'a2 dropped',
      'a3 waits',
      'b1 waits',
      'c1 waits',
      'd1 waits',
      'e1 outbox-full',
    ]);
    await scene.connected();
    assert.deepEqual(sent(scene), ['a3', 'b1', 'c1', 'd1']);
  });

  it('keeps a latest message by bytes only if that makes room', () => {
    const scene = waiting({ maxBytes: 1000, whenFull: 'keep-latest' });
    const outcomes = publishAll(scene, ['a1', 'b1', 'c1']);
    assert.match(String(scene.publish('a', 1, { payload: Buffer.alloc(700) })[0]), /outbox is full/);
    assert.deepEqual(told(outcomes), ['a1 waits', 'b1 waits', 'c1 waits']);
  });

  for (const whenFull of ['drop-oldest', 'keep-latest'] as const) {
    it(`counts right when who is told that his message gave way (${whenFull}) sends another one at once`, () => {
      const scene = waiting({ maxMessages: 2, whenFull });
      let again = 0;
      const publish = (): void =>
        scene.client.publish({ topic: 'a', payload: '', qos: 1 }, (error) => {
          if (error !== undefined && again++ < 5) publish();
        });
      for (let n = 0; n < 3; n++) publish();
      assert.equal(scene.client.waiting, 2);
    });
  }
});

describe('A message at QoS 0 that does not wait', () => {
  /** While the broker takes its time to answer CONNECT. */
  async function connecting(outbox: Partial<OutboxOptions>): Promise<VirtualClient> {
    const scene = waiting(outbox);
    scene.server.dialled = () => undefined;
    scene.client.connect();
    await scene.settle();
    assert.equal(scene.client.state.phase, 'connecting');
    return scene;
  }

  it('takes nobody’s place in a full outbox: it may fail in a moment', async () => {
    const scene = await connecting({ maxMessages: 2, whenFull: 'drop-oldest' });
    const outcomes = publishAll(scene, ['a1', 'b1']);
    assert.match(String(scene.publish('c', 0)[0]), /outbox is full/);
    assert.deepEqual(told(outcomes), ['a1 waits', 'b1 waits']);
  });

  it('is no later message that replaces one that waits', async () => {
    const scene = await connecting({ maxMessages: 3, whenFull: 'keep-latest' });
    const outcomes = publishAll(scene, ['a1', 'b1']);
    assert.deepEqual(scene.publish('a', 0), []);
    assert.match(String(scene.publish('c', 1)[0]), /outbox is full/);
    assert.deepEqual(told(outcomes), ['a1 waits', 'b1 waits']);
  });

  it('is told once, and not sent later, where an earlier client let it wait', async () => {
    const store = new MemoryStore();
    const first = new VirtualClient({ store, outbox: { qos0Waits: true } });
    first.publish('a', 0);
    await first.client.close();
    const second = new VirtualClient({ store });
    second.server.dialled = (attempt) => attempt.refuse(new Error('no route'));
    second.client.connect();
    await second.pass(100);
    await second.client.close();
    assert.match(String(second.restored[0]), /not sent/);
    assert.deepEqual([second.restored.length, store.load().outgoing], [1, []]);
  });
});

describe('A message that waits', () => {
  it('fails when it has waited as long as it may, though there is no connection', async () => {
    const scene = waiting({ longestWait: 60 });
    const outcomes = publishAll(scene, ['a1']);
    await scene.pass(59_999);
    assert.deepEqual(told(outcomes), ['a1 waits']);
    await scene.pass(2);
    assert.deepEqual(told(outcomes), ['a1 expired']);
    assert.match(String(outcomes.get('a1')?.[0]), /the message to a expired after 60 s before it could be sent/);
    assert.deepEqual(scene.client.numbers.failures, { expired: 1 });
  });

  it('of an earlier client fails in its time too, before there is a connection', async () => {
    const store = new MemoryStore();
    const outbox = { longestWait: 60 };
    const first = new VirtualClient({ store, outbox });
    const outcomes = first.publish('a', 1);
    await first.client.close();
    const second = new VirtualClient({ store, outbox, clock: first.clock });
    first.clock.advance(59_000);
    assert.deepEqual(outcomes, []);
    first.clock.advance(1_001);
    await second.settle();
    assert.match(String(second.restored[0]), /expired after 60 s/);
  });

  it('fails at its own time where it has a Message Expiry Interval', async () => {
    const scene = waiting({ longestWait: 60 }, 5);
    const sooner = scene.publish('a', 1, { properties: { messageExpiryInterval: 5 } });
    const later = scene.publish('b', 1, { properties: { messageExpiryInterval: 100 } });
    await scene.pass(5_001);
    assert.match(String(sooner[0]), /expired after 5 s/);
    await scene.pass(90_000);
    assert.deepEqual(later, []);
    await scene.pass(5_000);
    assert.match(String(later[0]), /expired after 100 s/);
  });

  it('carries no Message Expiry Interval that it was not given', async () => {
    const scene = waiting({ longestWait: 60 }, 5);
    scene.publish('a', 1);
    await scene.connected();
    assert.equal(scene.server.connection.all('publish')[0]?.properties?.messageExpiryInterval, undefined);
  });

  it('is counted, with its bytes, and since when', async () => {
    const scene = waiting({});
    assert.deepEqual(scene.client.outbox, { messages: 0, bytes: 0, oldest: undefined });
    scene.publish('a', 1);
    await scene.pass(7_000);
    scene.publish('b', 1);
    await scene.pass(1_000);
    assert.deepEqual(scene.client.outbox, { messages: 2, bytes: 402, oldest: 8_000 });
  });

  it('leaves no timer behind a close', async () => {
    const scene = waiting({ longestWait: 60 });
    scene.publish('a', 1);
    await scene.client.close();
    assert.equal(scene.clock.next, undefined);
  });
});

describe('A message at QoS 0 that may wait', () => {
  const OUTBOX = { qos0Waits: true };

  it('is sent when there is a connection, and done when it left', async () => {
    const scene = waiting(OUTBOX);
    const outcomes = scene.publish('a', 0, { payload: 'a1' });
    await scene.pass(60_000);
    assert.deepEqual(outcomes, []);
    await scene.connected();
    assert.deepEqual([sent(scene), outcomes], [['a1'], [0]]);
  });

  it('waits again when the connection is lost before it left', async () => {
    const scene = await waiting(OUTBOX).connected();
    scene.server.connection.close();
    const outcomes = scene.publish('a', 0, { payload: 'a1' });
    await scene.pass(10_000);
    assert.deepEqual([sent(scene), outcomes], [['a1'], [0]]);
  });

  it('waits in the store too: the next client sends it, once', async () => {
    const store = new MemoryStore();
    const first = new VirtualClient({ store, outbox: OUTBOX });
    first.publish('a', 0, { payload: 'a1' });
    await first.client.close();
    const second = new VirtualClient({ store, outbox: OUTBOX });
    await second.connected();
    assert.deepEqual(sent(second), ['a1']);
    assert.deepEqual(store.load().outgoing, []);
  });

  it('is told when the client is closed, given between the end of a connection and that', async () => {
    for (const qos0Waits of [true, false]) {
      const scene = waiting({ qos0Waits });
      await scene.connected();
      scene.client.destroy();
      const outcome = scene.publish('a', 0);
      const closed = scene.client.close();
      await scene.pass(5000);
      await closed;
      assert.deepEqual(
        outcome.map((one) => (one instanceof Error && 'code' in one ? one.code : one)),
        ['closed'],
      );
    }
  });

  it('is not stored where it leaves at once', async () => {
    const store = new MemoryStore();
    const scene = await new VirtualClient({ store, outbox: OUTBOX }).connected();
    scene.publish('a', 0);
    assert.deepEqual(store.load().outgoing, []);
  });
});

/** A store that is durable when it is told so. */
class SlowStore extends MemoryStore {
  readonly commits: Durable[] = [];

  override commit(durable: Durable): void {
    this.commits.push(durable);
  }

  /** @param kept whether the disk took it. */
  written(kept: boolean): void {
    for (const durable of this.commits.splice(0)) durable(kept);
  }
}

describe('A message that is done when it is stored', () => {
  function publish({ client }: VirtualClient, qos: QoS): Outcomes {
    const outcomes: Outcomes = [];
    client.publish({ topic: 'a', payload: 'a1', qos }, (error, code) => void outcomes.push(error ?? code), 'store');
    return outcomes;
  }

  it('is told so when it is durable, once, and goes to the broker all the same', async () => {
    const store = new SlowStore();
    const scene = new VirtualClient({ store });
    const outcomes = publish(scene, 1);
    await scene.pass(1000);
    assert.deepEqual(outcomes, []);
    store.written(true);
    assert.deepEqual(outcomes, [0]);
    await scene.connected();
    assert.deepEqual([sent(scene), outcomes, scene.client.waiting], [['a1'], [0], 0]);
  });

  it('is not told so where the disk failed, but when the broker has it', async () => {
    const store = new SlowStore();
    const scene = new VirtualClient({ store });
    const outcomes = publish(scene, 1);
    store.written(false);
    assert.deepEqual(outcomes, []);
    await scene.connected();
    assert.deepEqual(outcomes, [0]);
  });

  it('that fails later is told to a person: its flow heard that it is done', async () => {
    const scene = new VirtualClient({ store: new MemoryStore(), outbox: { longestWait: 5 } });
    const outcomes = publish(scene, 2);
    await scene.pass(6000);
    assert.deepEqual(outcomes, [0]);
    assert.match(String(scene.restored[0]), /the message to a expired after 5 s/);
  });

  it('is not stored at QoS 0, and done when it left', async () => {
    const scene = await new VirtualClient({ store: new SlowStore() }).connected();
    const outcomes = publish(scene, 0);
    await scene.settle();
    assert.deepEqual(outcomes, [0]);
  });

  it('is told by the next client where this one ended before it was durable', async () => {
    const store = new SlowStore();
    const first = new VirtualClient({ store });
    const outcomes = publish(first, 1);
    await first.client.close();
    await new VirtualClient({ store }).connected();
    store.written(true);
    assert.deepEqual(outcomes, [0]);
  });
});

async function waitingOf({ client }: VirtualClient): Promise<WaitingMessage[]> {
  const all: WaitingMessage[] = [];
  for await (const some of client.waitingMessages()) all.push(...some);
  return all;
}

describe('What waits in the outbox', () => {
  /** `a1` is under way, `b1` and `c1` wait, and there is no connection. */
  async function offline(): Promise<{ scene: VirtualClient; store: MemoryStore; outcomes: Map<string, Outcomes> }> {
    const store = new MemoryStore();
    const scene = new VirtualClient({ store, protocolVersion: 4 });
    scene.server.answers = { publish: () => undefined };
    await scene.connected();
    const first = publishAll(scene, ['a1']);
    await scene.settle();
    scene.server.connection.close();
    await scene.settle();
    return { scene, store, outcomes: new Map([...first, ...publishAll(scene, ['b1', 'c1'])]) };
  }

  it('can be read, the oldest first, with what is under way', async () => {
    const { scene } = await offline();
    scene.clock.advance(100);
    const read = (await waitingOf(scene)).map(({ message, age, mayHaveLeft }) => [
      String(message.payload),
      age >= 100,
      mayHaveLeft,
    ]);
    assert.deepEqual(read, [
      ['a1', true, true],
      ['b1', true, false],
      ['c1', true, false],
    ]);
  });

  it('can be discarded, which those who gave it are told; what is under way stays', async () => {
    const { scene, store, outcomes } = await offline();
    assert.equal(scene.client.discardUnsent(), 2);
    assert.deepEqual(told(outcomes), ['a1 waits', 'b1 dropped', 'c1 dropped']);
    assert.match(String(outcomes.get('b1')?.[0]), /the message to b was discarded by a person/);
    assert.deepEqual([scene.client.waiting, scene.client.discardUnsent()], [1, 0]);
    const stored = store.load().outgoing.map(({ message }) => String(message.payload));
    assert.deepEqual(stored, ['a1'], 'forgotten in the store too');
  });

  it('that may have been sent says so behind a restart at QoS 1, where that is not on record', async () => {
    const store = new MemoryStore();
    const first = new VirtualClient({ store });
    publishAll(first, ['a1']);
    await first.client.close();
    const next = new VirtualClient({ store });
    publishAll(next, ['b1']);
    assert.deepEqual(
      (await waitingOf(next)).map(({ mayHaveLeft }) => mayHaveLeft),
      [true, false],
    );
    next.client.discardUnsent();
    assert.match(String(next.restored[0]), /the message to a was discarded by a person: the broker may have it/);
  });

  it('that was sent in a session that is lost says so, though it waits to be sent again', async () => {
    const scene = new VirtualClient({ protocolVersion: 5 });
    const receiveMaximum = (most: number): Packet => ({
      cmd: 'connack',
      sessionPresent: false,
      returnCode: 0,
      reasonCode: 0,
      properties: { receiveMaximum: most },
    });
    scene.server.answers = { connect: () => receiveMaximum(2), publish: () => undefined };
    await scene.connected();
    publishAll(scene, ['a1', 'b1']);
    await scene.settle();
    scene.server.answers = { connect: () => receiveMaximum(1), publish: () => undefined };
    scene.server.connection.close();
    await scene.pass(1000);
    publishAll(scene, ['c1']);
    assert.deepEqual(sent(scene), ['a1']);
    assert.deepEqual(
      (await waitingOf(scene)).map(({ mayHaveLeft }) => mayHaveLeft),
      [true, true, false],
    );
  });

  it('is told in the order in which it was accepted, whatever its state', async () => {
    const scene = new VirtualClient({ protocolVersion: 4 });
    scene.server.answers = {
      publish: ({ qos, messageId = 0 }) => (qos === 2 ? { cmd: 'pubrec', messageId } : undefined),
      pubrel: () => undefined,
    };
    await scene.connected();
    for (const [topic, qos] of [
      ['a', 2],
      ['b', 1],
      ['c', 2],
    ] as const) {
      scene.publish(topic, qos);
    }
    await scene.settle();
    assert.deepEqual(
      (await waitingOf(scene)).map(({ message }) => message.topic),
      ['a', 'b', 'c'],
    );
  });

  it('that was sent before a reconnect and not yet again stays too', async () => {
    const { scene } = await offline();
    scene.client.discardUnsent();
    scene.server.answers = {};
    await scene.pass(10_000);
    assert.deepEqual([sent(scene), scene.client.waiting], [['a1'], 0]);
  });
});
