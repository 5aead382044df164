import assert from 'node:assert/strict';
import { settle, until } from '../support/events.ts';
import type { FakeBroker, FakePeer } from '../support/fake-broker.ts';
import { collect, deploy, type FlowNode, node, startFlow, stopFlow } from '../support/flow.ts';
import { assertHas } from '../support/partial.ts';
import { agreeing, connected, connection, HELPERS, mqttIn, mqttOut, payloads } from './flows.ts';

/** What the connection's node offers to flow nodes. */
interface Shared {
  disconnect(): Promise<void>;
  configure(broker: object): void;
  connect(): Promise<void>;
}

/** Holds the close of a node, which is called `closing`, until `finish`. */
function heldClose(id: string): { closing: Promise<void>; finish: () => void } {
  let finish = (): void => undefined;
  const closing = new Promise<void>((resolve) => {
    node(id).on('close', (_removed: boolean, done: () => void) => {
      finish = done;
      resolve();
    });
  });
  return { closing, finish: () => finish() };
}

function publish(peer: FakePeer, messageId: number, payload: string, topic = 'a'): void {
  peer.send({ cmd: 'publish', topic, payload, qos: 1, messageId, dup: false, retain: false });
}

/** Deploys `flow` in the turn in which the mqtt-in hands on its next message; resolves when that is over. */
function deployedInTheTurnOfAMessage(flow: readonly FlowNode[]): Promise<void> {
  const closing = node('in');
  const send = closing.send.bind(closing);
  return new Promise((resolve, reject) => {
    closing.send = (msg) => {
      send(msg);
      // It begins behind the receive callback, and in front of the turn in which Node-RED hands the message on.
      deploy(flow, 'nodes').then(resolve, reject);
    };
  });
}

/** The packet ids of the next acknowledgements. */
async function acknowledged(peer: FakePeer, count: number): Promise<unknown[]> {
  const ids: unknown[] = [];
  while (ids.length < count) ids.push((await peer.skipTo('puback')).messageId);
  return ids;
}

describe('while a deploy is under way', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await agreeing();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  it('a flow that asks for another connection gets an answer, and no connection stays behind', async () => {
    await startFlow([connection(broker.port), mqttIn(), mqttOut(), ...HELPERS]);
    await connected(broker);
    const { connection: shared } = node('c') as unknown as { connection: Shared };
    const { closing, finish } = heldClose('out');
    const deployed = deploy([{ id: 'h', type: 'helper' }], 'full');
    await closing;
    // A message on its way through the flow: the connection is closed already, its node is not.
    await shared.disconnect();
    shared.configure({ clientid: 'other' });
    await assert.rejects(shared.connect(), /the connection was closed/);
    finish();
    await deployed;
    await broker.expectNoConnection();
  });

  it('a message for a node that comes back finds the nodes behind it, and is acknowledged then', async () => {
    // As the editor stores them: the mqtt-in before the node that it is wired to.
    const flow = (name: string): FlowNode[] => [
      connection(broker.port, { cleansession: false, autoUnsubscribe: false }),
      mqttIn({ topic: 'a', qos: '1', name, wires: [['behind']] }),
      { id: 'behind', type: 'junction', name, wires: [['h']] },
      { id: 'h', type: 'helper' },
    ];
    await startFlow(flow('first'));
    const peer = await connected(broker);
    const seen = collect('h');
    publish(peer, 1, 'before');
    await until(() => seen.length === 1, 'the first message');
    const { closing, finish } = heldClose('behind');
    const deployed = deploy(flow('second'), 'nodes');
    await closing;
    publish(peer, 2, 'during');
    await settle();
    finish();
    await deployed;
    publish(peer, 3, 'after');
    await until(() => seen.length >= 3, 'all messages');
    assert.deepEqual(payloads(seen), ['before', 'during', 'after']);
    assert.deepEqual(await acknowledged(peer, 3), [1, 2, 3]);
  });

  const CHANGED: readonly { what: string; behind: boolean; off?: boolean }[] = [
    { what: 'leaves the node behind it has the message once', behind: false },
    {
      what: 'leaves the node behind it, and another one that is disabled, has the message once',
      behind: false,
      off: true,
    },
    { what: 'closes the node behind it too has the message once, from its successor', behind: true },
  ];
  for (const { what, behind, off } of CHANGED) {
    it(`an mqtt-in that is closed in the turn in which it got a message by a deploy that ${what}`, async () => {
      const flow = (name: string): FlowNode[] => [
        connection(broker.port, { cleansession: false, autoUnsubscribe: false }),
        mqttIn({ topic: 'a', name, wires: [['behind', ...(off === true ? ['off'] : [])]] }),
        { id: 'behind', type: 'junction', ...(behind && { name }), wires: [['h']] },
        { id: 'off', type: 'junction', d: true, wires: [['h']] },
        { id: 'h', type: 'helper' },
      ];
      await startFlow(flow('first'));
      const peer = await connected(broker);
      const seen = collect('h');
      const closing = node('in');
      const deployed = deployedInTheTurnOfAMessage(flow('second'));
      peer.send({ cmd: 'publish', topic: 'a', payload: 'x', qos: 2, messageId: 1, dup: false, retain: false });
      await deployed;
      assertHas(await peer.skipTo('pubrec'), { messageId: 1 });
      assert.notEqual(node('in'), closing);
      await until(() => seen.length > 0, 'the message');
      await settle();
      assert.deepEqual(payloads(seen), ['x']);
    });
  }

  it('an mqtt-in that a deploy closes in the turn of a message, with the second node behind it, hands that one the message', async () => {
    const flow = (name: string): FlowNode[] => [
      connection(broker.port, { cleansession: false, autoUnsubscribe: false }),
      mqttIn({ topic: 'a', name, wires: [['h', 'behind']] }),
      { id: 'behind', type: 'junction', name, wires: [['other']] },
      { id: 'h', type: 'helper' },
      { id: 'other', type: 'helper' },
    ];
    await startFlow(flow('first'));
    const peer = await connected(broker);
    const seen = collect('other');
    const deployed = deployedInTheTurnOfAMessage(flow('second'));
    peer.send({ cmd: 'publish', topic: 'a', payload: 'x', qos: 2, messageId: 1, dup: false, retain: false });
    await deployed;
    await until(() => seen.length > 0, 'the message');
    assert.deepEqual(payloads(seen), ['x']);
  });

  it('two nodes that come back to one topic both get what was published meanwhile', async () => {
    const flow = (name: string): FlowNode[] => [
      connection(broker.port, { cleansession: false, autoUnsubscribe: false }),
      mqttIn({ id: 'one', topic: 'a', qos: '1', name, wires: [['behind']] }),
      mqttIn({ id: 'two', topic: 'a', qos: '1', name, wires: [['behind']] }),
      { id: 'behind', type: 'junction', name, wires: [['h']] },
      { id: 'h', type: 'helper' },
    ];
    await startFlow(flow('first'));
    const peer = await connected(broker, 'one');
    const seen = collect('h');
    const { closing, finish } = heldClose('behind');
    const deployed = deploy(flow('second'), 'nodes');
    await closing;
    publish(peer, 1, 'during');
    await settle();
    finish();
    await deployed;
    await until(() => seen.length >= 2, 'both messages');
    assert.deepEqual(await acknowledged(peer, 1), [1]);
    assert.deepEqual(payloads(seen), ['during', 'during']);
  });

  it('a message for a node that stays does not wait for those that change', async () => {
    const flow = (name: string): FlowNode[] => [
      connection(broker.port, { cleansession: false, autoUnsubscribe: false }),
      mqttIn({ id: 'stays', topic: 'b', qos: '1', wires: [['h']] }),
      mqttIn({ id: 'changes', topic: 'a', qos: '1', name, wires: [['behind']] }),
      { id: 'behind', type: 'junction', name, wires: [['h']] },
      { id: 'h', type: 'helper' },
    ];
    await startFlow(flow('first'));
    const peer = await connected(broker, 'stays');
    const seen = collect('h');
    const { closing, finish } = heldClose('behind');
    const deployed = deploy(flow('second'), 'nodes');
    await closing;
    publish(peer, 1, 'to the one that stays', 'b');
    await until(() => seen.length === 1, 'the message');
    assert.deepEqual(await acknowledged(peer, 1), [1]);
    finish();
    await deployed;
  });
});
