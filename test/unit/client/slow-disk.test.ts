import assert from 'node:assert/strict';
import type { ClientOptions } from '../../../src/client/options.ts';
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

  /** So much of what was written is durable, the oldest first; default: all. */
  done(count: number = this.#waiting.length): void {
    if (count === this.#waiting.length) this.slow = false;
    for (const durable of this.#waiting.splice(0, count)) durable(true);
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

/** A client that has come to doubt its connections: what is under way alone on one that was proved good is blamed for its end. */
async function suspicious(): Promise<{
  readonly scene: VirtualClient;
  readonly store: SlowStore;
  /** The Server hangs up, and the client comes back. */
  readonly ended: () => Promise<void>;
  /** On how many connections the message to `b` left. */
  readonly left: () => number;
}> {
  const store = new SlowStore();
  const scene = new VirtualClient({ store });
  const { server } = scene;
  const ended = async (): Promise<void> => {
    const before = server.connections.length;
    server.connection.close();
    while (server.connections.length === before) await scene.pass(100);
    await scene.settle();
  };
  server.answers = { publish: () => undefined, pingreq: () => undefined };
  await scene.connected();
  scene.publish('first', 1);
  await scene.settle();
  for (let ends = 0; ends < 2; ends++) await ended();
  scene.client.discardUnsent();
  server.answers = { publish: () => undefined };
  await ended();
  const left = (): number => server.connections.filter(({ lines }) => lines.join().includes('publish b')).length;
  return { scene, store, ended, left };
}

/** A Server that ends the connection behind a message to `poison`; what it sends just then is to be acknowledged, and waits. */
function poisoned(more: Partial<ClientOptions> = {}): { scene: VirtualClient; ends: () => number } {
  const store = new SlowStore();
  const scene = new VirtualClient({ store, cleanStart: false, ...more });
  scene.subscribe('in', new Taker());
  let ends = 0;
  scene.server.dialled = (attempt) => {
    store.done();
    const connection = attempt.accept();
    connection.answers = {
      connect: () => ({ cmd: 'connack', sessionPresent: true, returnCode: 0 }),
      publish: ({ topic, messageId = 0, qos }) => {
        if (topic !== 'poison') return { cmd: qos === 2 ? 'pubrec' : 'puback', messageId };
        ends += 1;
        store.slow = true;
        connection.send(aPublish({ topic: 'in', qos: 2, messageId: 7 }));
        connection.close();
        return undefined;
      },
    };
  };
  return { scene, ends: () => ends };
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
    const { scene, store, ended, left } = await suspicious();
    store.slow = true;
    const outcomes = scene.publish('b', 1);
    await scene.settle();
    assert.equal(left(), 0);
    const again = ended();
    store.done();
    await again;
    for (let times = 0; outcomes.length === 0 && times < 10; times++) await ended();
    assert.equal(left(), 3);
    assert.match(String(outcomes[0]), /set aside: the connection ended 3 times right behind it/);
  });

  it('blames no message that still waits for the disk, though what was given before it has left', async () => {
    const { scene, store, ended, left } = await suspicious();
    store.slow = true;
    scene.publish('earlier', 0);
    await scene.settle();
    const outcomes = scene.publish('b', 1);
    await scene.settle();
    store.done(1);
    await scene.settle();
    assert.deepEqual(scene.server.connection.lines.slice(-1), ['publish earlier']);
    const again = ended();
    store.done();
    await again;
    for (let times = 0; outcomes.length === 0 && times < 10; times++) await ended();
    assert.equal(left(), 3);
  });

  it('blames a message for the end of a connection right behind it, however long it had waited for the disk', async () => {
    const { scene, store, ended, left } = await suspicious();
    store.slow = true;
    const outcomes = scene.publish('b', 1);
    await scene.pass(61_000);
    assert.equal(left(), 0);
    store.done();
    await scene.settle();
    for (let times = 0; outcomes.length === 0 && times < 10; times++) await ended();
    assert.equal(left(), 3);
  });

  it('sets a message aside that ends each connection, though an acknowledgement waits for the disk each time', async () => {
    const { scene, ends } = poisoned();
    await scene.connected();
    const outcomes = scene.publish('poison', 1);
    await scene.pass(600_000);
    assert.match(String(outcomes[0]), /set aside: the connection ended 3 times right behind it/);
    assert.ok(ends() <= 6, `${ends()} connections ended`);
  });

  it('sets a birth message aside that ends each connection, though an acknowledgement waits for the disk each time', async () => {
    const { scene, ends } = poisoned({ birth: { topic: 'poison', payload: '', qos: 1 } });
    scene.client.connect();
    await scene.pass(600_000);
    assert.equal(scene.client.state.phase, 'connected');
    assert.equal(ends(), 3);
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
