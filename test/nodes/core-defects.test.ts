import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { parseTopicFilter } from '../../src/index.ts';
import { Router } from '../../src/router/router.ts';
import { selfSignedPair } from '../support/certificates/certificates.ts';
import { settle, until } from '../support/events.ts';
import { FakeBroker, type FakePeer } from '../support/fake-broker.ts';
import { collect, errors, type FlowNode, node, restartFlow, startFlow, statuses, stopFlow } from '../support/flow.ts';
import { optionalTool } from '../support/optional.ts';
import { assertHas } from '../support/partial.ts';
import { freePort } from '../support/ports.ts';
import { RealBroker } from '../support/real-broker.ts';

const CONNECTED = 'green dot node-red:common.status.connected';
const HELPERS: readonly FlowNode[] = ['h1', 'h2', 'h3', 'caught', 'completed'].map((id) => ({ id, type: 'helper' }));
const CATCH: FlowNode = { id: 'catch', type: 'catch', wires: [['caught']] };
const COMPLETE: FlowNode = { id: 'complete', type: 'complete', scope: ['out'], wires: [['completed']] };
const OUT: FlowNode = { id: 'out', type: 'mqtt-out', broker: 'c', topic: 't/x', qos: '1', retain: '' };

function connection(port: number, more: object = {}): FlowNode {
  return { id: 'c', type: 'mqtt-connection', broker: '127.0.0.1', port: String(port), clientid: 'posthorn', ...more };
}

function mqttIn(id: string, topic: string, to: string, more: object = {}): FlowNode {
  return {
    id,
    type: 'mqtt-in',
    broker: 'c',
    topic,
    qos: '1',
    datatype: 'utf8',
    rap: true,
    rh: 0,
    wires: [[to]],
    ...more,
  };
}

function payloads(messages: readonly { payload?: unknown }[]): unknown[] {
  return messages.map(({ payload }) => payload);
}

async function connected(...ids: string[]): Promise<void> {
  await until(() => ids.every((id) => statuses(id).at(-1) === CONNECTED), 'connected');
}

/** Grants every filter of the next SUBSCRIBE. */
async function grant(peer: FakePeer): Promise<string[]> {
  const { messageId = 0, subscriptions } = await peer.expect('subscribe');
  peer.send({ cmd: 'suback', messageId, granted: subscriptions.map(({ qos }) => qos) });
  return subscriptions.map(({ topic }) => topic);
}

/** How many map look-ups the delivery of a message takes among so many receivers, each on a topic of its own. */
function lookups(receivers: number): number {
  const router = new Router();
  const received: number[] = [];
  for (let index = 0; index < receivers; index++) {
    router.add(parseTopicFilter(`many/${index}/state`), { receive: () => void received.push(index) });
  }
  const get = mock.method(Map.prototype, 'get');
  router.deliver({
    cmd: 'publish',
    topic: 'many/0/state',
    payload: Buffer.alloc(0),
    qos: 0,
    retain: false,
    dup: false,
    packetId: undefined,
    properties: undefined,
  });
  const count = get.mock.callCount();
  get.mock.restore();
  assert.deepEqual(received, [0]);
  return count;
}

describe('what the core nodes get wrong', () => {
  // How fast that is, `npm run bench` measures: a test that looks at the clock would lie.
  it('13: a message makes the same work among a thousand nodes as with one alone', () => {
    assert.equal(lookups(1000), lookups(1));
  });

  afterEach(() => stopFlow());

  describe('against a scripted broker', () => {
    let broker: FakeBroker;

    beforeEach(async () => {
      broker = await FakeBroker.listen();
    });
    afterEach(() => broker.close());

    it('1: QoS 1 messages published while the broker is down arrive in order, and complete', async () => {
      const port = await freePort();
      await startFlow([connection(port), OUT, COMPLETE, ...HELPERS]);
      const completed = collect('completed');
      for (const payload of ['1', '2']) node('out').receive({ payload });
      await until(() => statuses('out').at(-1) === 'red ring connection refused', 'offline');
      const late = await FakeBroker.listen({ port });
      try {
        const peer = await late.accept();
        await peer.handshake();
        for (const payload of ['1', '2']) {
          const publish = await peer.expect('publish');
          assert.equal(String(publish.payload), payload);
          peer.send({ cmd: 'puback', messageId: publish.messageId ?? 0 });
        }
        await until(() => completed.length === 2, 'both completed');
        assert.deepEqual(payloads(completed), ['1', '2']);
      } finally {
        await stopFlow();
        await late.close();
      }
    });

    it('2: unacknowledged QoS 1 messages are sent again, with DUP, after the flows restart', async () => {
      const flow = [connection(broker.port, { cleansession: false }), OUT, ...HELPERS];
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

    it('3: a refused subscription is red, and an error with its code at Catch', async () => {
      await startFlow([connection(broker.port), mqttIn('in', 'a', 'h1'), CATCH, ...HELPERS]);
      const caught = collect('caught');
      const peer = await broker.accept();
      await peer.handshake();
      const { messageId = 0 } = await peer.expect('subscribe');
      peer.send({ cmd: 'suback', messageId, granted: [0x80] });
      await until(() => caught.length === 1, 'the error');
      assert.equal(statuses('in').at(-1), 'red ring subscribe: 0x80');
      assertHas(caught[0], { topic: 'a', error: { code: 'subscription-refused' } });
    });

    it('4: a bad password is red with the reason, and one error at Catch', async () => {
      await startFlow([connection(broker.port), OUT, CATCH, ...HELPERS], { c: { user: 'u', password: 'secret-word' } });
      const caught = collect('caught');
      for (let attempt = 1; attempt <= 2; attempt++) await (await broker.accept()).handshake({ returnCode: 4 });
      await until(() => statuses('out').at(-1) === 'red ring bad credentials (0x86)', 'the reason');
      assert.equal(caught.length, 1);
      assert.ok(!errors('c').join().includes('secret-word'));
    });

    it('6: one PUBLISH with two Subscription Identifiers reaches both nodes once', async () => {
      await startFlow([
        connection(broker.port, { protocolVersion: '5' }),
        mqttIn('a', 't/#', 'h1'),
        mqttIn('b', 't/x', 'h2'),
        ...HELPERS,
      ]);
      const [first, second] = [collect('h1'), collect('h2')];
      const peer = await broker.accept();
      await peer.handshake();
      const identifiers: number[] = [];
      for (let packet = 1; packet <= 2; packet++) {
        const { messageId = 0, properties } = await peer.expect('subscribe');
        identifiers.push(properties?.subscriptionIdentifier ?? 0);
        peer.send({ cmd: 'suback', messageId, granted: [1] });
      }
      const properties = { subscriptionIdentifier: identifiers };
      peer.send({ cmd: 'publish', topic: 't/x', payload: 'both', qos: 0, dup: false, retain: false, properties });
      await until(() => first.length + second.length >= 2, 'both messages');
      await settle();
      assert.deepEqual([payloads(first), payloads(second)], [['both'], ['both']]);
    });

    it('8: what a persistent session holds waits for a dynamic subscription, unacknowledged', async () => {
      await startFlow([
        connection(broker.port, { cleansession: false }),
        { ...mqttIn('in', '', 'h1'), inputs: 1 },
        ...HELPERS,
      ]);
      const arrived = collect('h1');
      const peer = await broker.accept();
      await peer.handshake({ sessionPresent: true });
      for (let messageId = 1; messageId <= 5; messageId++) {
        const payload = String(messageId);
        peer.send({ cmd: 'publish', topic: 'q', payload, qos: 1, messageId, dup: false, retain: false });
      }
      await peer.expectNothing();
      node('in').receive({ action: 'subscribe', topic: 'q' });
      await until(() => arrived.length === 5, 'five messages');
      assert.deepEqual(payloads(arrived), ['1', '2', '3', '4', '5']);
      await peer.expect('subscribe');
      const acknowledged: unknown[] = [];
      while (acknowledged.length < 5) acknowledged.push((await peer.expect('puback')).messageId);
      assert.deepEqual(acknowledged, [1, 2, 3, 4, 5]);
    });

    it('9: a reconnect without a session sends one SUBSCRIBE per topic', async () => {
      await startFlow([connection(broker.port), mqttIn('a', 'a', 'h1'), mqttIn('b', 'a', 'h2'), ...HELPERS]);
      for (let attempt = 1; attempt <= 2; attempt++) {
        const peer = await broker.accept();
        await peer.handshake();
        assert.deepEqual(await grant(peer), ['a']);
        await peer.expectNothing();
        peer.drop();
      }
    });

    for (const [how, more] of [
      ['an mqtts:// address', (port: number) => ({ broker: `mqtts://127.0.0.1:${port}` })],
      ['TLS without a TLS configuration', () => ({ usetls: true, verifyservercert: false })],
    ] as const) {
      it(`10: ${how} to a broker with a self-signed certificate is refused`, async () => {
        const secret = await FakeBroker.listen({ tls: selfSignedPair });
        try {
          await startFlow([connection(secret.port, more(secret.port)), OUT, ...HELPERS]);
          await until(() => statuses('out').at(-1) === 'red ring TLS: self-signed certificate', 'refused');
          assert.equal(secret.peers.length, 0);
        } finally {
          await stopFlow();
          await secret.close();
        }
      });
    }

    it('11: the action connect to a dead host is an error', async () => {
      const port = await freePort();
      await startFlow([connection(port, { autoConnect: false }), OUT, CATCH, ...HELPERS]);
      const caught = collect('caught');
      node('out').receive({ action: 'connect' });
      await until(() => caught.length > 0, 'the error');
      assertHas(caught[0]?.['error'], { code: 'unreachable' });
    });

    it('12: an invalid or missing topic is an error of its message', async () => {
      await startFlow([connection(broker.port), { ...OUT, topic: '' }, CATCH, ...HELPERS]);
      const caught = collect('caught');
      node('out').receive({ payload: 'x', topic: 'a/#' });
      node('out').receive({ payload: 'x' });
      await until(() => caught.length === 2, 'both errors');
      for (const { error } of caught) assertHas(error, { code: 'invalid-topic' });
    });

    it('14: fifty nodes subscribe in at most seven packets', async () => {
      const nodes = Array.from({ length: 50 }, (_, index) => mqttIn(`in${index}`, `t/${index}`, 'h1'));
      await startFlow([connection(broker.port, { protocolVersion: '5' }), ...nodes, ...HELPERS]);
      const peer = await broker.accept();
      await peer.handshake();
      let filters = 0;
      let packets = 0;
      while (filters < 50) {
        filters += (await grant(peer)).length;
        packets += 1;
      }
      assert.ok(packets <= 7, `${packets} packets`);
    });
  });

  describe('against mosquitto', () => {
    const program = optionalTool('mosquitto');
    let broker: RealBroker;

    before(async function () {
      if (program === undefined) return this.skip();
      broker = await RealBroker.start(program, { allowDuplicateMessages: true });
    });
    after(() => broker?.stop());

    for (const protocolVersion of ['4', '5']) {
      it(`5: overlapping filters bring one message per node, although the broker sends duplicates (version ${protocolVersion})`, async () => {
        await startFlow([
          connection(broker.port, { protocolVersion }),
          mqttIn('a', 't/#', 'h1'),
          mqttIn('b', 't/x', 'h2'),
          mqttIn('c3', 'end', 'h3'),
          OUT,
          ...HELPERS,
        ]);
        await connected('a', 'b', 'c3', 'out');
        const [first, second, end] = [collect('h1'), collect('h2'), collect('h3')];
        node('out').receive({ payload: 'once' });
        node('out').receive({ payload: 'again' });
        await until(() => first.length >= 2 && second.length >= 2, 'the messages');
        // Whatever else the broker sends for them came before this.
        await settle();
        assert.equal(end.length, 0);
        assert.deepEqual(
          [payloads(first), payloads(second)],
          [
            ['once', 'again'],
            ['once', 'again'],
          ],
        );
      });

      it(`15: of two nodes on one topic only the one that asks for retained messages gets them (version ${protocolVersion})`, async () => {
        await startFlow([
          connection(broker.port, { protocolVersion }),
          { ...OUT, topic: 'kept', retain: 'true' },
          COMPLETE,
          ...HELPERS,
        ]);
        await connected('out');
        const completed = collect('completed');
        node('out').receive({ payload: 'old' });
        await until(() => completed.length === 1, 'the retained message');
        await stopFlow();

        await startFlow([
          connection(broker.port, { protocolVersion }),
          mqttIn('a', 'kept', 'h1', { rh: 0 }),
          mqttIn('b', 'kept', 'h2', { rh: 2 }),
          { ...OUT, topic: 'kept' },
          ...HELPERS,
        ]);
        const [wanting, refusing] = [collect('h1'), collect('h2')];
        await until(() => wanting.length === 1, 'the retained message');
        node('out').receive({ payload: 'new' });
        await until(() => refusing.length > 0 && wanting.length > 1, 'the new message');
        assert.deepEqual(payloads(wanting), ['old', 'new']);
        assert.deepEqual(payloads(refusing), ['new']);
      });
    }

    for (const [filter, topic] of [
      ['$share/g/#', 's/1'],
      ['a/+/b', 'a//b'],
      ['a/+', 'a/'],
      ['/+', '/'],
      ['n/{2}', 'n/{2}'],
      ['p/#', 'p'],
    ] as const) {
      it(`7: a message to ${topic} reaches the filter ${filter}`, async () => {
        await startFlow([connection(broker.port), mqttIn('in', filter, 'h1'), { ...OUT, topic: '' }, ...HELPERS]);
        await connected('in', 'out');
        const arrived = collect('h1');
        const isOurs = (msg: object): boolean => 'topic' in msg && msg.topic === topic;
        await until(() => {
          if (!arrived.some(isOurs)) node('out').receive({ topic, payload: 'x' });
          return arrived.some(isOurs);
        }, 'the message');
        assertHas(arrived.find(isOurs), { topic, payload: 'x' });
      });
    }
  });
});
