import assert from 'node:assert/strict';
import { Taker, VirtualClient } from '../../support/virtual-client.ts';

/** The filters that were asked for so far, one line for each SUBSCRIBE. */
function subscribes({ server }: VirtualClient): string[] {
  return server.connection.lines.filter((line) => line.startsWith('subscribe'));
}

async function deploying(): Promise<VirtualClient> {
  const scene = await new VirtualClient({}).connected();
  scene.client.beginDeploy();
  return scene;
}

describe('A node that a deploy adds', () => {
  it('is subscribed when all nodes of the deploy exist: what it is wired to may not exist before', async () => {
    const scene = await deploying();
    scene.subscribe('a', new Taker());
    await scene.pass(1000);
    assert.deepEqual(subscribes(scene), []);
    scene.client.prune();
    await scene.settle();
    assert.equal(subscribes(scene).length, 1);
  });

  it('and that is closed before its end is never subscribed', async () => {
    const scene = await deploying();
    scene.subscribe('a', new Taker()).unsubscribe();
    scene.subscribe('b', new Taker()).release();
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(subscribes(scene), []);
  });

  it('is subscribed after 30 s where the deploy never ends', async () => {
    const scene = await deploying();
    scene.subscribe('a', new Taker());
    await scene.pass(29_000);
    assert.deepEqual(subscribes(scene), []);
    await scene.pass(1000);
    assert.equal(subscribes(scene).length, 1);
  });
});

describe('A node that runs on while a deploy makes others', () => {
  it('and asks for a filter twice, and takes it back, is not subscribed to it', async () => {
    const scene = await deploying();
    const taker = new Taker();
    scene.subscribe('a', taker);
    scene.subscribe('a', taker, { qos: 1 }).unsubscribe();
    scene.client.prune();
    await scene.settle();
    assert.deepEqual(subscribes(scene), []);
  });

  it('and asks again for what it has, and takes it back, has it no more', async () => {
    const scene = await new VirtualClient({}).connected();
    const taker = new Taker();
    scene.subscribe('a', taker);
    await scene.settle();
    scene.client.beginDeploy();
    scene.subscribe('a', taker, { qos: 1 }).unsubscribe();
    scene.client.prune();
    await scene.settle();
    assert.equal(scene.server.connection.lines.filter((line) => line.startsWith('unsubscribe')).length, 1);
  });

  it('is subscribed at once while others only go', async () => {
    const scene = await new VirtualClient({}).connected();
    const going = scene.subscribe('a', new Taker('going'));
    await scene.settle();
    going.release();
    scene.subscribe('b', new Taker('running'));
    await scene.settle();
    assert.equal(subscribes(scene).length, 2);
  });
});
