import assert from 'node:assert/strict';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import type { Durable } from '../../../src/store/session-store.ts';
import { aPublish } from '../../support/packets.ts';
import { Taker, VirtualClient } from '../../support/virtual-client.ts';

/** A store whose writes are durable when a test says so. */
class SlowStore extends MemoryStore {
  slow = false;
  #waiting: Durable[] = [];

  override get isDurable(): boolean {
    return !this.slow;
  }

  override commit(durable: Durable): void {
    if (this.slow) this.#waiting.push(durable);
    else durable(true);
  }

  /** All that was written is durable. */
  done(): void {
    this.slow = false;
    for (const durable of this.#waiting.splice(0)) durable(true);
  }
}

async function onSlowDisk(): Promise<{ scene: VirtualClient; store: SlowStore; taker: Taker }> {
  const store = new SlowStore();
  const scene = new VirtualClient({ store, cleanStart: false });
  const taker = new Taker();
  scene.subscribe('in', taker);
  await scene.connected();
  store.slow = true;
  return { scene, store, taker };
}

describe('A client over a slow disk', () => {
  it('tells a message at QoS 0 as sent when it has left, behind what waits for the disk', async () => {
    const { scene, store } = await onSlowDisk();
    scene.publish('a', 1);
    const outcomes = scene.publish('b', 0);
    await scene.settle();
    assert.deepEqual(outcomes, []);
    assert.deepEqual(scene.server.connection.all('publish'), []);
    store.done();
    await scene.settle();
    assert.deepEqual(outcomes, [0]);
    assert.equal(scene.server.connection.all('publish').length, 2);
  });

  it('reads no more while too much waits for the disk, and goes on when it has left', async () => {
    const { scene, store, taker } = await onSlowDisk();
    for (let count = 0; count < 2; count++) scene.publish('a', 1, { payload: Buffer.alloc(600 * 1024) });
    await scene.settle();
    scene.server.connection.send(aPublish({ topic: 'in' }));
    await scene.settle();
    assert.deepEqual(taker.topics, []);
    store.done();
    await scene.settle();
    assert.deepEqual(taker.topics, ['in']);
  });

  it('blames no message for the end of a connection before it left: it waited for the disk', async () => {
    const store = new SlowStore();
    const scene = new VirtualClient({ store });
    /** The Server hangs up, and the client comes back. */
    const ended = async (): Promise<void> => {
      const before = scene.server.connections.length;
      scene.server.connection.close();
      while (scene.server.connections.length === before) await scene.pass(100);
      await scene.settle();
    };
    scene.server.answers = { publish: () => undefined, pingreq: () => undefined };
    await scene.connected();
    scene.publish('first', 1);
    await scene.settle();
    for (let ends = 0; ends < 2; ends++) await ended();
    // From now on a connection has to be proved good, and what is under way alone then is blamed.
    scene.client.discardUnsent();
    scene.server.answers = { publish: () => undefined };
    await ended();
    store.slow = true;
    const outcomes = scene.publish('b', 1);
    await scene.settle();
    const left = (): number =>
      scene.server.connections.filter(({ lines }) => lines.join().includes('publish b')).length;
    assert.equal(left(), 0);
    const again = ended();
    store.done();
    await again;
    for (let times = 0; outcomes.length === 0 && times < 10; times++) await ended();
    assert.equal(left(), 3);
    assert.match(String(outcomes[0]), /set aside: the connection ended 3 times right behind it/);
  });

  it('ends when what it received is acknowledged, which waits for the disk', async () => {
    const { scene, store } = await onSlowDisk();
    const { connection } = scene.server;
    connection.send(aPublish({ topic: 'in', qos: 2, messageId: 7 }));
    await scene.settle();
    const ended = scene.client.disconnect();
    await scene.settle();
    assert.deepEqual(connection.all('disconnect'), []);
    store.done();
    await scene.settle();
    assert.deepEqual(
      connection.lines.filter((line) => /pubrec|disconnect/.test(line)),
      ['pubrec 7', 'disconnect'],
    );
    await scene.pass(1000);
    await ended;
  });
});
