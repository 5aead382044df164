import assert from 'node:assert/strict';
import { until } from '../support/events.ts';
import { FakeBroker } from '../support/fake-broker.ts';
import { collect, deploy, type FlowNode, node, restartFlow, startFlow, statuses, stopFlow } from '../support/flow.ts';
import { assertHas } from '../support/partial.ts';

const CONNECTED = 'green dot node-red:common.status.connected';
const OUT: FlowNode = { id: 'out', type: 'mqtt-out', broker: 'c', topic: 'a', qos: '1', retain: '' };
const HELPER: FlowNode = { id: 'h', type: 'helper' };

function connection(port: number, more: object = {}): FlowNode {
  return { id: 'c', type: 'mqtt-connection', broker: '127.0.0.1', port: String(port), clientid: 'posthorn', ...more };
}

function mqttIn(id: string, topic: string): FlowNode {
  return { id, type: 'mqtt-in', broker: 'c', topic, qos: '1', datatype: 'utf8', wires: [['h']] };
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
    const flow = [connection(broker.port), mqttIn('a', 'a/#'), mqttIn('b', 'b/#'), OUT, HELPER];
    await startFlow(flow);
    const peer = await broker.accept();
    await peer.handshake();
    const { messageId = 0 } = await peer.expect('subscribe');
    peer.send({ cmd: 'suback', messageId, granted: [1, 1] });
    await until(() => statuses('a').at(-1) === CONNECTED, 'connected');

    await deploy([connection(broker.port), mqttIn('a', 'a/#'), mqttIn('b', 'c/#'), OUT, HELPER], 'nodes');
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
    peer.pause();
    collect('h');
    await stopFlow();
  });
});
