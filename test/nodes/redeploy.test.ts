import assert from 'node:assert/strict';
import { within } from '../support/events.ts';
import { FakeBroker } from '../support/fake-broker.ts';
import { deploy, deployUnstarted, type FlowNode, node, restartFlow, startFlow, stopFlow } from '../support/flow.ts';
import { assertHas } from '../support/partial.ts';
import { connection, dynamicIn, grant, mqttIn, mqttOut, showConnected } from './flows.ts';

const OUT = mqttOut({ topic: 'a', qos: '1' });
const HELPER: FlowNode = { id: 'h', type: 'helper' };

function inOn(id: string, topic: string): FlowNode {
  return mqttIn({ id, topic, qos: '1' });
}

describe('a deploy', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await FakeBroker.listen();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  it('of other nodes leaves the connection alone, and unsubscribes only what is gone', async () => {
    const flow = [connection(broker.port), inOn('a', 'a/#'), inOn('b', 'b/#'), OUT, HELPER];
    await startFlow(flow);
    const peer = await broker.accept();
    await peer.handshake();
    const { messageId = 0 } = await peer.expect('subscribe');
    peer.send({ cmd: 'suback', messageId, granted: [1, 1] });
    await showConnected('a');

    await deploy([connection(broker.port), inOn('a', 'a/#'), inOn('b', 'c/#'), OUT, HELPER], 'nodes');
    // First what is wanted, so that nothing is missed in between.
    const subscribe = await peer.expect('subscribe');
    assert.deepEqual(
      subscribe.subscriptions.map(({ topic }) => topic),
      ['c/#'],
    );
    const unsubscribe = await peer.expect('unsubscribe');
    assert.deepEqual(unsubscribe.unsubscriptions, ['b/#']);
    assert.equal(broker.peers.length, 1);
  });

  it('that does not start, because a node type is missing, stops none of the nodes that go on', async () => {
    const dynamic = dynamicIn({ id: 'dyn', z: 'other' });
    const kept = [connection(broker.port), { ...inOn('b', 'b'), z: 'other' }, dynamic, HELPER];
    await startFlow([...kept, inOn('a', 'a')]);
    const peer = await broker.accept();
    await peer.handshake();
    await grant(peer);
    await showConnected('b');

    await deployUnstarted([...kept, inOn('a', 'elsewhere'), { id: 'unknown', type: 'no-such-type' }], 'nodes');
    assert.deepEqual((await peer.expect('unsubscribe')).unsubscriptions, ['a']);
    for (const [messageId, topic] of [
      [1, 'a'],
      [2, 'b'],
    ] as const) {
      peer.send({ cmd: 'publish', topic, payload: 'x', qos: 1, messageId, dup: false, retain: false });
      assertHas(await peer.expect('puback'), { messageId });
    }
    node('dyn').receive({ action: 'subscribe', topic: 'd' });
    assert.deepEqual(await grant(peer), ['d']);
  });

  it('of everything sends again, with DUP, what was not acknowledged before', async () => {
    const flow = [connection(broker.port, { cleansession: false }), OUT, HELPER];
    await startFlow(flow);
    const first = await broker.accept();
    await first.handshake();
    for (const payload of ['1', '2', '3']) node('out').receive({ payload });
    const sent = [await first.expect('publish'), await first.expect('publish'), await first.expect('publish')];

    await restartFlow(flow);
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    for (const { messageId, payload } of sent) {
      assertHas(await second.expect('publish'), { messageId, payload, dup: true });
    }
  });

  it('ends within two seconds with a broker that does not answer', async () => {
    await startFlow([connection(broker.port, { closeTopic: 'bye', closeQos: '2', closePayload: 'x' }), OUT, HELPER]);
    const peer = await broker.accept();
    await peer.handshake();
    await showConnected('out');
    peer.pause();
    // Two seconds, and what a busy machine takes for the rest of a stop.
    await within(stopFlow(), 'the end of the flow', 3500);
  });
});
