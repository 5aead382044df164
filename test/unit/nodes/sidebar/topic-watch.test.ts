import assert from 'node:assert/strict';
import { MqttError } from '../../../../src/index.ts';
import type { LookRequest } from '../../../../nodes/common/sidebar-answers.ts';
import { LONGEST_UNSEEN, TopicWatch } from '../../../../nodes/sidebar/topic-watch.ts';
import { until } from '../../../support/events.ts';
import { FakeBroker, type FakeBrokerOptions, type FakePeer } from '../../../support/fake-broker.ts';

const LOOK: LookRequest = { first: 0, count: 50, open: [], close: [], search: '', selected: null, paused: false };

/** Time that a test lets pass. */
class Waiting {
  readonly #waits = new Set<{ readonly milliseconds: number; readonly fire: () => void }>();

  readonly wait = (milliseconds: number, fire: () => void): (() => void) => {
    const one = { milliseconds, fire };
    this.#waits.add(one);
    return () => void this.#waits.delete(one);
  };

  get waits(): number[] {
    return [...this.#waits].map(({ milliseconds }) => milliseconds);
  }

  pass(milliseconds: number): void {
    for (const one of this.#waits) if (one.milliseconds === milliseconds && this.#waits.delete(one)) one.fire();
  }
}

interface Scene {
  readonly watch: TopicWatch;
  readonly waiting: Waiting;
  readonly broker: FakeBroker;
  ends: number;
}

describe('A watch of topics', () => {
  const scenes: Scene[] = [];

  afterEach(async () => {
    for (const { watch, broker } of scenes.splice(0)) {
      watch.end();
      await broker.close();
    }
  });

  async function watching(options: FakeBrokerOptions = { autoRespond: {} }, qos: 0 | 1 | 2 = 0): Promise<Scene> {
    const broker = await FakeBroker.listen(options);
    const waiting = new Waiting();
    const scene: Scene = {
      broker,
      waiting,
      ends: 0,
      watch: new TopicWatch({
        options: { server: broker.url, protocolVersion: 5, clientId: 'watch', backoff: { initial: 1, maximum: 2 } },
        request: { filter: '#', qos },
        ended: () => void (scene.ends += 1),
        wait: waiting.wait,
      }),
    };
    scenes.push(scene);
    return scene;
  }

  async function subscribed(scene: Scene): Promise<FakePeer> {
    const peer = await scene.broker.accept();
    await peer.expect('connect');
    await peer.expect('subscribe');
    await until(() => scene.watch.look(LOOK).state.granted !== undefined, 'it is subscribed');
    return peer;
  }

  it('asks for what is retained, and how it was published, by a clean session of its own', async () => {
    const scene = await watching();
    const peer = await scene.broker.accept();
    const { clean, clientId, will } = await peer.expect('connect');
    assert.deepEqual([clean, clientId, will], [true, 'watch', undefined]);
    const { subscriptions } = await peer.expect('subscribe');
    assert.deepEqual(
      subscriptions.map(({ topic, qos, rap, rh }) => ({ topic, qos, rap, rh })),
      [{ topic: '#', qos: 0, rap: true, rh: 0 }],
    );
  });

  it('shows what came', async () => {
    const scene = await watching();
    const peer = await subscribed(scene);
    peer.send({ cmd: 'publish', topic: 'a/b', payload: '1', qos: 0, dup: false, retain: true });
    await until(() => scene.watch.look(LOOK).messages === 1, 'it came');
    const { rows, topics, rowCount, state } = scene.watch.look({ ...LOOK, open: [0], selected: 1 });
    assert.deepEqual([rows.map(({ label }) => label), topics, rowCount, state.phase], [['a', 'b'], 1, 2, 'connected']);
    assert.equal(scene.watch.look({ ...LOOK, selected: 1 }).selected?.retained, true);
    assert.deepEqual(
      scene.watch.look({ ...LOOK, close: [0] }).rows.map(({ label }) => label),
      ['a'],
    );
  });

  it('takes nothing in while it is paused, and counts what passes', async () => {
    const scene = await watching();
    const peer = await subscribed(scene);
    scene.watch.look({ ...LOOK, paused: true });
    peer.send({ cmd: 'publish', topic: 'a', payload: '1', qos: 0, dup: false, retain: false });
    await until(() => scene.watch.look({ ...LOOK, paused: true }).passed === 1, 'it passed');
    const { topics, passed } = scene.watch.look(LOOK);
    assert.deepEqual([topics, passed], [0, 0]);
  });

  it('says why the broker refuses the subscription', async () => {
    const scene = await watching({
      autoRespond: { subscribe: ({ messageId = 0 }) => ({ cmd: 'suback', messageId, granted: [0x87] }) },
    });
    await scene.broker.accept();
    await until(() => scene.watch.look(LOOK).state.failure !== undefined, 'it is refused');
    const { phase, granted, failure } = scene.watch.look(LOOK).state;
    assert.deepEqual(
      [phase, granted, failure?.code, failure?.reasonCode],
      ['connected', undefined, 'subscription-refused', 0x87],
    );
  });

  it('says why the broker refuses the connection, and tries no second time what only a person can mend', async () => {
    let attempts = 0;
    const scene = await watching({
      autoRespond: {
        connect: () => {
          attempts += 1;
          return { cmd: 'connack', reasonCode: 0x87, sessionPresent: false };
        },
      },
    });
    await until(() => scene.watch.look(LOOK).state.phase === 'idle', 'it gave up');
    const { failure } = scene.watch.look(LOOK).state;
    assert.deepEqual([failure?.code, failure?.reasonCode, attempts], ['connection-refused', 0x87, 1]);
  });

  it('publishes by its own connection, and tells what becomes of it', async () => {
    const scene = await watching();
    const peer = await subscribed(scene);
    const message = { topic: 'a', payload: 'x', qos: 1, retain: true } as const;
    assert.deepEqual(await scene.watch.publish(message), {});
    const { topic, retain, qos } = await peer.expect('publish');
    assert.deepEqual([topic, retain, qos], ['a', true, 1]);
  });

  it('sends no test message later than it is asked for', async () => {
    const scene = await watching({ autoRespond: { connect: () => undefined } });
    const peer = await scene.broker.accept();
    await peer.expect('connect');
    const { failure } = await scene.watch.publish({ topic: 'a', payload: 'x', qos: 1, retain: true });
    assert.deepEqual([failure?.code, failure?.message], ['offline', 'not sent: the watch is not connected']);
  });

  it('tells that a test message was rejected', async () => {
    const scene = await watching({
      autoRespond: { publish: ({ messageId = 0 }) => ({ cmd: 'puback', messageId, reasonCode: 0x87 }) },
    });
    await subscribed(scene);
    const { failure } = await scene.watch.publish({ topic: 'a', payload: 'x', qos: 1, retain: true });
    assert.deepEqual([failure?.code, failure?.reasonCode], ['publish-rejected', 0x87]);
  });

  it('tells that the broker does not say what becomes of a test message', async () => {
    const scene = await watching({ autoRespond: { publish: () => undefined } });
    const peer = await subscribed(scene);
    const answer = scene.watch.publish({ topic: 'a', payload: 'x', qos: 1, retain: true });
    await peer.expect('publish');
    scene.waiting.pass(10_000);
    assert.match((await answer).failure?.message ?? '', /did not acknowledge the message within 10 s/);
  });

  it('ends when nobody has looked for fifteen seconds, once, with its connection', async () => {
    const scene = await watching();
    const peer = await subscribed(scene);
    assert.deepEqual(scene.waiting.waits, [LONGEST_UNSEEN], 'each look begins it anew');
    scene.waiting.pass(LONGEST_UNSEEN);
    scene.watch.end();
    await peer.expect('disconnect');
    assert.deepEqual([scene.ends, scene.waiting.waits], [1, []]);
  });

  it('ends where nobody looked at all', async () => {
    const scene = await watching();
    scene.waiting.pass(LONGEST_UNSEEN);
    assert.deepEqual([scene.ends, scene.waiting.waits], [1, []]);
  });

  it('is none with a filter that makes no sense, and dials nobody', () => {
    const options = { server: 'mqtt://broker.invalid', clientId: 'watch' };
    assert.throws(
      () => new TopicWatch({ options, request: { filter: 'a/#/b', qos: 0 }, ended: () => undefined }),
      (error) => error instanceof MqttError && error.code === 'invalid-filter',
    );
  });
});
