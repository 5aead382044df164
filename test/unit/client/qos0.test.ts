import assert from 'node:assert/strict';
import type { QoS } from '../../../src/protocol/packet.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import type { Durable } from '../../../src/store/session-store.ts';
import { Taker, VirtualClient } from '../../support/virtual-client.ts';

const RETAIN_REFUSED = { cmd: 'connack', sessionPresent: false, reasonCode: 0, properties: { retainAvailable: false } };

function sent({ server }: VirtualClient): string[] {
  return server.connection.lines.slice(1).map((line) => line.replace(/ \d{4,}/, ''));
}

/** How often the Server got a message to this topic, on all connections. */
function copies({ server }: VirtualClient, topic: string): number {
  return server.connections.flatMap((connection) => connection.all('publish')).filter((one) => one.topic === topic)
    .length;
}

/** A disk that is slow from its first record on. */
class SlowStore extends MemoryStore {
  #waiting: Durable[] = [];
  #written = true;

  override get isDurable(): boolean {
    return this.#written;
  }

  override put(...args: Parameters<MemoryStore['put']>): void {
    this.#written = false;
    super.put(...args);
  }

  override commit(durable: Durable): void {
    if (this.#written) durable(true);
    else this.#waiting.push(durable);
  }

  /** So much of what waits is durable, the oldest first; default: all. */
  done(count: number = this.#waiting.length): void {
    this.#written = this.#waiting.length === count;
    for (const durable of this.#waiting.splice(0, count)) durable(true);
  }
}

describe('A message at QoS 0 on a connection', () => {
  it('leaves in its place among those of other QoS', async () => {
    const scene = await new VirtualClient().connected();
    const order = ([0, 1, 0, 0, 2, 0] as const).map((qos, index) => [`${index}`, qos] as const);
    for (const [topic, qos] of order) scene.publish(topic, qos);
    await scene.settle();
    assert.deepEqual(
      sent(scene).filter((line) => line.startsWith('publish')),
      order.map(([topic]) => `publish ${topic}`),
    );
  });

  it('leaves behind the SUBSCRIBE that was asked for before it: the answer to a request is not missed', async () => {
    const scene = await new VirtualClient().connected();
    scene.subscribe('answer', new Taker());
    scene.publish('question', 0);
    await scene.settle();
    assert.deepEqual(sent(scene), ['subscribe', 'publish question']);
  });

  it('leaves behind the birth message, also when it is given as soon as the connection is there', async () => {
    const scene = new VirtualClient({ birth: { topic: 'birth', payload: '' } });
    scene.client.onState(({ phase }) => {
      if (phase === 'connected') scene.publish('first', 0);
    });
    await scene.connected();
    assert.deepEqual(sent(scene), ['publish birth', 'publish first']);
  });

  it('leaves behind what waits for the broker', async () => {
    const scene = await new VirtualClient({ maximumInflight: 1 }).connected();
    for (const topic of ['a', 'b']) scene.publish(topic, 1);
    await scene.settle();
    scene.server.connection.answers = { publish: () => undefined };
    for (const topic of ['c', 'd']) scene.publish(topic, 1);
    scene.publish('e', 0);
    await scene.settle();
    scene.publish('f', 0);
    await scene.settle();
    assert.deepEqual(sent(scene), ['publish a', 'publish b', 'publish c']);
  });

  it('leaves behind what is sent again', async () => {
    const scene = new VirtualClient({ maximumInflight: 1, cleanStart: false });
    const connect = (): object => ({ cmd: 'connack', sessionPresent: true, returnCode: 0 });
    scene.server.answers = { connect, publish: () => undefined } as never;
    await scene.connected();
    scene.publish('a', 1);
    await scene.settle();
    scene.client.onState(({ phase }) => {
      if (phase === 'connected') scene.publish('new', 0);
    });
    scene.server.connection.close();
    await scene.pass(10_000);
    assert.deepEqual(sent(scene), ['publish a dup', 'publish new']);
  });

  it('fails where the broker does not allow it, and is told so once', async () => {
    const scene = new VirtualClient({ protocolVersion: 5 });
    scene.server.answers = { connect: () => RETAIN_REFUSED } as never;
    await scene.connected();
    const outcomes = scene.publish('a', 0, { retain: true });
    await scene.settle();
    assert.equal(outcomes.length, 1);
    assert.match(String(outcomes[0]), /retain/i);
    assert.deepEqual(sent(scene), []);
  });

  it('fails where it is larger than the broker takes, and the next one leaves', async () => {
    const scene = new VirtualClient({ protocolVersion: 5 });
    const properties = { maximumPacketSize: 100 };
    scene.server.answers = { connect: () => ({ cmd: 'connack', sessionPresent: false, reasonCode: 0, properties }) };
    await scene.connected();
    const [large, small] = [scene.publish('large', 0, { payload: 'x'.repeat(100) }), scene.publish('small', 0)];
    await scene.settle();
    assert.equal(large.length, 1);
    assert.match(String(large[0]), /at most 100/);
    assert.deepEqual(small, [0]);
    assert.deepEqual(sent(scene), ['publish small']);
  });

  it('that is to be sent within no time expires', async () => {
    const scene = await new VirtualClient({ protocolVersion: 5 }).connected();
    const outcomes = scene.publish('a', 0, { properties: { messageExpiryInterval: 0 } });
    await scene.settle();
    assert.equal(outcomes.length, 1);
    assert.match(String(outcomes[0]), /expired/);
    assert.deepEqual(sent(scene), []);
  });

  it('gives way to later ones, where it may wait, and the first one too', async () => {
    const scene = new VirtualClient({ outbox: { qos0Waits: true, maxMessages: 2, whenFull: 'drop-oldest' } });
    await scene.connected();
    const outcomes = ['a', 'b', 'c'].map((topic) => scene.publish(topic, 0));
    await scene.settle();
    assert.match(String(outcomes[0]), /dropped: the outbox was full/);
    assert.deepEqual(outcomes.slice(1), [[0], [0]]);
  });

  it('waits where the broker has to prove first that it is not hung up on something else', async () => {
    const scene = new VirtualClient();
    scene.server.answers = { publish: () => undefined, pingreq: () => undefined };
    await scene.connected();
    scene.publish('poison', 1);
    for (let connections = 1; connections <= 2; connections++) {
      await scene.settle();
      scene.server.connection.close();
      while (scene.server.connections.length === connections) await scene.pass(100);
    }
    scene.client.discardUnsent();
    scene.publish('a', 0);
    await scene.settle();
    assert.deepEqual(sent(scene), ['pingreq']);
  });

  it('is told as lost, once, where the connection ends before it left', async () => {
    const scene = await new VirtualClient().connected();
    const outcomes = scene.publish('a', 0);
    scene.client.destroy();
    await scene.settle();
    assert.equal(outcomes.length, 1);
    assert.match(String(outcomes[0]), /not sent/);
    assert.deepEqual(sent(scene), []);
  });

  it('waits for the next connection, where it may, if this one ends before it left', async () => {
    const outbox = { qos0Waits: true };
    const scene = await new VirtualClient({ outbox }).connected();
    const payload = Buffer.from('mine');
    const outcomes = ['a', 'b'].map((topic) => scene.publish(topic, 0, { payload }));
    payload.fill('!');
    scene.server.connection.close();
    outcomes.push(scene.publish('c', 0));
    await scene.pass(10_000);
    assert.deepEqual(sent(scene), ['publish a', 'publish b', 'publish c']);
    assert.equal(String(scene.server.connection.all('publish')[0]?.payload), 'mine');
    assert.deepEqual(outcomes, [[0], [0], [0]]);
  });

  it('is told as sent with what waits for the disk, where that was given in the same turn', async () => {
    const store = new SlowStore();
    const scene = await new VirtualClient({ store, cleanStart: false }).connected();
    const outcomes = scene.publish('a', 0);
    scene.publish('b', 1);
    await scene.settle();
    assert.deepEqual([sent(scene), outcomes], [[], []]);
    store.done();
    await scene.settle();
    assert.deepEqual([sent(scene), outcomes], [['publish a', 'publish b'], [0]]);
  });

  it('is not told as sent with what was given before it, where the disk has that and not what is behind', async () => {
    const store = new SlowStore();
    const scene = await new VirtualClient({ store, cleanStart: false }).connected();
    scene.publish('a', 1);
    const outcomes = [];
    for (const topic of ['b', 'c']) {
      await scene.settle();
      outcomes.push(scene.publish(topic, 0));
    }
    await scene.settle();
    store.done(2);
    await scene.settle();
    assert.deepEqual(
      [sent(scene), outcomes],
      [
        ['publish a', 'publish b'],
        [[0], []],
      ],
    );
    scene.server.connection.close();
    assert.deepEqual(
      outcomes.map(([outcome]) => outcome instanceof Error),
      [false, true],
    );
  });

  it('leaves with others in one write, and in several where much is given in one turn', async () => {
    const scene = await new VirtualClient().connected();
    const { peer } = scene.server.connection;
    const before = peer.writes.length;
    for (let count = 0; count < 100; count++) scene.publish('a', 0, { payload: Buffer.alloc(10_000) });
    await scene.settle();
    assert.equal(peer.writes.length - before, 4);
  });

  it('is told when it is on its way, and not before', async () => {
    const scene = await new VirtualClient().connected();
    let written = 0;
    scene.client.publish({ topic: 'a', payload: '' }, () => (written = scene.server.connection.peer.taken().length));
    await scene.settle();
    assert.ok(written > 0);
  });

  it('is told when the socket has it, though that takes no more', async () => {
    const scene = await new VirtualClient().connected();
    scene.server.connection.peer.accepts = false;
    const outcomes = scene.publish('a', 0);
    await scene.settle();
    assert.deepEqual(outcomes, [0]);
  });

  for (const qos0Waits of [false, true]) {
    const then = qos0Waits ? 'waits for the next connection' : 'fails';
    for (const [why, disk] of [
      ['too large', 'slow'],
      ['too large', 'quick'],
      ['retained', 'slow'],
      ['retained', 'quick'],
    ] as const) {
      const whose = `whose message is ${why} for the Server`;
      it(`${then} where one ${whose} ends the connection before it left, in the same turn, over a ${disk} disk`, async () => {
        const store = new SlowStore();
        const scene = new VirtualClient({ store, protocolVersion: 5, cleanStart: false, outbox: { qos0Waits } });
        const properties = { maximumPacketSize: 1000, retainAvailable: false };
        scene.server.answers = { connect: () => ({ ...RETAIN_REFUSED, cmd: 'connack', properties }) };
        await scene.connected();
        if (disk === 'slow') scene.publish('stored', 1);
        const outcomes = scene.publish('a', 0);
        const refused = why === 'retained' ? { payload: '', retain: true } : { payload: Buffer.alloc(2000) };
        scene.client.publish({ topic: 'refused', ...refused }, () => scene.client.destroy());
        const behind = scene.publish('behind', 0);
        await scene.settle();
        store.done();
        await scene.pass(30_000);
        store.done();
        await scene.settle();
        assert.deepEqual(
          outcomes.map((outcome) => (outcome instanceof Error ? 'failed' : outcome)),
          [qos0Waits ? 0 : 'failed'],
        );
        assert.equal(copies(scene, 'a'), qos0Waits ? 1 : 0);
        assert.equal(copies(scene, 'behind'), behind[0] === 0 ? 1 : 0);
        assert.equal(behind.length, 1);
        assert.equal(scene.client.waiting, 0);
      });
    }
  }

  it('is told as sent, once, where so much was given in one turn that it left before the rest, and the connection ended', async () => {
    const store = new SlowStore();
    const scene = await new VirtualClient({ store, cleanStart: false, outbox: { qos0Waits: true } }).connected();
    const outcomes = scene.publish('a', 0);
    scene.publish('large', 1, { payload: Buffer.alloc(300_000) });
    const behind = scene.publish('behind', 0);
    scene.publish('last', 2);
    await scene.settle();
    store.done(1);
    await scene.settle();
    assert.deepEqual([outcomes, behind], [[0], []]);
    scene.server.connection.close();
    await scene.settle();
    store.done();
    await scene.pass(10_000);
    store.done();
    await scene.settle();
    assert.deepEqual([copies(scene, 'a'), copies(scene, 'behind'), outcomes, behind], [1, 1, [0], [0]]);
  });

  it('is told as sent where the callback of one that left with it ends the connection', async () => {
    const store = new SlowStore();
    const scene = await new VirtualClient({ store, cleanStart: false, outbox: { qos0Waits: true } }).connected();
    const { peer } = scene.server.connection;
    scene.publish('stored', 1);
    await scene.settle();
    scene.client.publish({ topic: 'a', payload: '' }, () => scene.client.destroy());
    await scene.settle();
    const outcomes = scene.publish('b', 0);
    await scene.settle();
    // Full with what waits for no disk: what does leaves in one write when there is room again.
    peer.accepts = false;
    await scene.pass(60_000);
    store.done();
    await scene.settle();
    assert.equal(copies(scene, 'b'), 0);
    peer.accepts = true;
    peer.drain();
    await scene.pass(10_000);
    store.done();
    await scene.settle();
    assert.deepEqual([copies(scene, 'b'), outcomes], [1, [0]]);
  });

  it('waits for the next connection in the order in which it was given, also where some waited for the disk', async () => {
    const store = new SlowStore();
    const scene = await new VirtualClient({
      store,
      protocolVersion: 5,
      cleanStart: false,
      outbox: { qos0Waits: true },
    }).connected();
    scene.publish('stored', 1);
    await scene.settle();
    for (const topic of ['a', 'b']) {
      scene.publish(topic, 0);
      await scene.settle();
    }
    scene.publish('c', 0);
    const broken = { correlationData: { length: 3 } as unknown as Buffer };
    scene.client.publish({ topic: 'broken', payload: '', properties: broken }, () => scene.client.destroy());
    scene.publish('d', 0);
    await scene.settle();
    for (let times = 0; times < 5; times++) {
      store.done();
      await scene.pass(5000);
    }
    assert.deepEqual(
      sent(scene).filter((line) => line.startsWith('publish') && !line.includes('stored')),
      ['publish a', 'publish b', 'publish c', 'publish d'],
    );
  });

  it('is not sent again by the next connection, once it left from a slow disk', async () => {
    const store = new SlowStore();
    const scene = await new VirtualClient({ store, cleanStart: false, outbox: { qos0Waits: true } }).connected();
    scene.publish('stored', 1);
    const outcomes = scene.publish('a', 0);
    await scene.settle();
    store.done();
    await scene.settle();
    scene.server.connection.close();
    await scene.pass(10_000);
    assert.deepEqual([copies(scene, 'a'), outcomes], [1, [0]]);
  });

  it('is told in the turn in which it leaves', async () => {
    const scene = await new VirtualClient().connected();
    for (const topic of ['a', 'b', 'c']) {
      const outcomes = scene.publish(topic, 0);
      assert.deepEqual(outcomes, []);
      await scene.settle();
      assert.deepEqual(outcomes, [0]);
    }
    assert.deepEqual(sent(scene), ['publish a', 'publish b', 'publish c']);
  });

  for (const [what, topic, count] of [
    ['short ones', 't', 20_000],
    ['some with the longest topics', '€'.repeat(16_000), 40],
  ] as const) {
    it(`is told once and in order, however many are given in one turn: ${what}`, async () => {
      const scene = await new VirtualClient().connected();
      const told: number[] = [];
      for (let index = 0; index < count; index++) {
        scene.client.publish({ topic, payload: String(index) }, (error) => void told.push(error ? -1 : index));
      }
      await scene.settle();
      const expected = Array.from({ length: count }, (_, index) => index);
      assert.deepEqual(told, expected);
      assert.deepEqual(
        scene.server.connection.all('publish').map(({ payload }) => Number(payload)),
        expected,
      );
    });
  }

  it('may be given by who hears that the last one left, for as long as he likes', async () => {
    const scene = await new VirtualClient().connected();
    let left = 0;
    const next = (): void => {
      scene.client.publish({ topic: 'a', payload: '' }, () => {
        left += 1;
        if (left < 30) next();
      });
    };
    next();
    await scene.settle();
    assert.equal(left, 30);
    assert.equal(scene.server.connection.all('publish').length, 30);
  });
});

describe('A Buffer that is used again as soon as it is published', () => {
  for (const qos of [0, 1, 2] as const) {
    for (const size of [4, 20_000]) {
      it(`arrives as it was at QoS ${qos}, ${size} bytes, on a connection and before one`, async () => {
        const scene = new VirtualClient({ outbox: { qos0Waits: true } });
        publishReused(scene, qos, size);
        await scene.connected();
        publishReused(scene, qos, size);
        await scene.settle();
        const payloads = scene.server.connection.all('publish').map(({ payload }) => Buffer.from(payload));
        assert.deepEqual(
          payloads,
          ['a', 'b', 'a', 'b'].map((text) => Buffer.alloc(size, text)),
        );
      });
    }
  }

  function publishReused(scene: VirtualClient, qos: QoS, size: number): void {
    const payload = Buffer.alloc(size);
    for (const text of ['a', 'b', 'c']) {
      payload.fill(text);
      if (text !== 'c') scene.publish('t', qos, { payload });
    }
  }
});
