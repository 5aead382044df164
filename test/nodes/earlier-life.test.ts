import assert from 'node:assert/strict';
import { settle, until } from '../support/events.ts';
import { FakeBroker } from '../support/fake-broker.ts';
import { collect, deploy, type FlowNode, node, restartFlow, startFlow, stopFlow } from '../support/flow.ts';
import {
  connection,
  connection5,
  dynamicIn,
  HELPERS,
  lines,
  mqttIn,
  mqttOut,
  payloads,
  showConnected,
  shown,
} from './flows.ts';

const FLOW_OF = (port: number) => [
  connection5(port, { cleansession: false, sessionExpiry: '60' }),
  mqttOut({ topic: 'a', qos: '1' }),
  ...HELPERS,
];

describe('a message that an earlier life of the flow accepted', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await FakeBroker.listen();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  /** Restarts the flow with one message unacknowledged; the packet id of its second sending. */
  async function restartWithOneMessage() {
    await startFlow(FLOW_OF(broker.port));
    const first = await broker.accept();
    await first.handshake();
    node('out').receive({ payload: 'kept' });
    await first.expect('publish');
    await restartFlow(FLOW_OF(broker.port));
    const second = await broker.accept();
    await second.handshake({ sessionPresent: true });
    const { messageId = 0 } = await second.expect('publish');
    return { second, messageId };
  }

  it('and that the broker rejects now is one error at Catch nodes, with the message and its node', async () => {
    const { second, messageId } = await restartWithOneMessage();
    const caught = collect('caught');
    second.send({ cmd: 'puback', messageId, reasonCode: 0x87 });
    await until(() => caught.length > 0, 'the error at Catch');
    await settle();
    const [{ payload, error } = {}, ...more] = caught;
    const { message, source } = error as { message: string; source: { id: string } };
    assert.match(message, /broker rejected the message to a \(0x87 Not authorized\)/);
    assert.deepEqual([payload, source.id, more], ['kept', 'out', []]);
  });

  it('and that the broker rejects when its node is gone is one error of the connection', async () => {
    await startFlow(FLOW_OF(broker.port));
    const first = await broker.accept();
    await first.handshake();
    node('out').receive({ payload: 'kept' });
    const { messageId = 0 } = await first.expect('publish');
    const other = mqttIn({ id: 'other' });
    await deploy([...FLOW_OF(broker.port).filter(({ id }) => id !== 'out'), other], 'full');
    const caught = collect('caught');
    first.send({ cmd: 'puback', messageId, reasonCode: 0x87 });
    await until(() => caught.length > 0, 'the error at Catch');
    await settle();
    const sources = caught.map(({ error }) => (error as { source: { id: string } }).source.id);
    assert.deepEqual(sources, ['other']);
  });

  it('and that the broker has now is complete for the Complete nodes of now', async () => {
    const { second, messageId } = await restartWithOneMessage();
    const completed = collect('completed');
    second.send({ cmd: 'puback', messageId, reasonCode: 0 });
    await until(() => completed.length > 0, 'the Complete node');
    await settle();
    const [{ payload, complete } = {}, ...more] = completed;
    const { source } = complete as { source: { id: string } };
    assert.deepEqual([payload, source.id, more], ['kept', 'out', []]);
  });

  /** What a helper gets behind a deploy during whose stop the broker answers with `reasonCode`. */
  async function answeredInADeploy(type: 'full' | 'nodes', reasonCode: number, helper: string) {
    await startFlow(FLOW_OF(broker.port));
    const peer = await broker.accept();
    await peer.handshake();
    node('out').receive({ payload: 'kept' });
    const { messageId = 0 } = await peer.expect('publish');
    // The stop waits for what is under way; other nodes take their time.
    node('out').on('close', () => void peer.send({ cmd: 'puback', messageId, reasonCode }));
    node(helper).on('close', (_removed: boolean, done: () => void) => void setTimeout(done, 100));
    const changed = FLOW_OF(broker.port).map((each) => ({ ...each, name: 'changed' }));
    let seen: ReturnType<typeof collect> = [];
    await deploy(changed, type, () => (seen = collect(helper)));
    await until(() => seen.length > 0, helper);
    await settle();
    return payloads(seen);
  }

  for (const type of ['full', 'nodes'] as const) {
    it(`and that the broker took while a deploy (${type}) stopped it is complete for the Complete nodes of now`, async () => {
      assert.deepEqual(await answeredInADeploy(type, 0, 'completed'), ['kept']);
    });

    it(`and that the broker rejects while a deploy (${type}) closes it is one error at the Catch nodes of now`, async () => {
      assert.deepEqual(await answeredInADeploy(type, 0x87, 'caught'), ['kept']);
    });
  }

  it('and that the broker has now is no failure', async () => {
    const { second, messageId } = await restartWithOneMessage();
    const caught = collect('caught');
    second.send({ cmd: 'puback', messageId, reasonCode: 0 });
    node('out').receive({ payload: 'next' });
    await second.expect('publish');
    assert.deepEqual(caught, []);
    assert.deepEqual(lines('out', 'error'), []);
  });
});

describe('a message that a kept session brings for nobody, after a start', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await FakeBroker.listen();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  const flow = (): FlowNode[] => [connection(broker.port, { cleansession: false }), ...HELPERS];

  /** A connection with a session, over which the message came. */
  async function bringing(nodes: readonly FlowNode[]) {
    await startFlow(nodes);
    const peer = await broker.accept();
    await peer.handshake({ sessionPresent: true });
    peer.send({ cmd: 'publish', topic: 'late', payload: 'x', qos: 1, messageId: 7, dup: false, retain: false });
    return peer;
  }

  it('is acknowledged at once where no node can come: it stops nothing that others want', async () => {
    const peer = await bringing([...flow(), mqttIn({ topic: 'a' })]);
    assert.equal((await peer.skipTo('puback')).messageId, 7);
  });

  it('waits for an mqtt-in that messages subscribe', async () => {
    const peer = await bringing([...flow(), dynamicIn()]);
    await showConnected('in');
    const seen = collect('h');
    node('in').receive({ action: 'subscribe', topic: 'late' });
    await until(() => seen.length === 1, 'the message');
    assert.equal((await peer.skipTo('puback')).messageId, 7);
  });

  it('waits for a node of another package', async () => {
    const guest = { id: 'guest', type: 'helper' };
    await startFlow([...flow(), guest]);
    const { register, subscribe } = shown('c') as unknown as Record<string, (...args: unknown[]) => void>;
    register?.(node('guest'));
    const peer = await broker.accept();
    await peer.handshake({ sessionPresent: true });
    peer.send({ cmd: 'publish', topic: 'late', payload: 'x', qos: 1, messageId: 7, dup: false, retain: false });
    await showConnected('guest');
    const seen: unknown[] = [];
    subscribe?.('late', 1, (topic: unknown) => seen.push(topic), 'guest');
    await until(() => seen.length === 1, 'the message');
    assert.equal((await peer.skipTo('puback')).messageId, 7);
  });
});
