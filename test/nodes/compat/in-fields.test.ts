import assert from 'node:assert/strict';
import type { IPublishPacket } from 'mqtt-packet';
import { until } from '../../support/events.ts';
import type { FakeBroker } from '../../support/fake-broker.ts';
import { collect, errors, nextMessage, node, startFlow, statuses, stopFlow } from '../../support/flow.ts';
import { assertHas } from '../../support/partial.ts';
import { agreeing, connected, connection, connection5, HELPERS, mqttIn } from '../flows.ts';

type Properties = NonNullable<IPublishPacket['properties']>;

describe('2 mqtt in properties', () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = await agreeing();
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  /** What the SUBSCRIBE of an mqtt-in with these fields asks for. */
  async function subscriptionOf(fields: object, version: object = { protocolVersion: '5' }) {
    await startFlow([connection(broker.port, version), mqttIn(fields), ...HELPERS]);
    const { subscriptions } = await (await connected(broker)).expect('subscribe');
    return subscriptions[0];
  }

  for (const topic of ['a', '#', '+', 'a/+/b/#', '/', 'a//b', '+/+', '$SYS/#', '$share/group/a/#', 'ä/ö']) {
    it(`topic ${topic}`, async () => {
      assertHas(await subscriptionOf({ topic }), { topic });
    });
  }

  for (const topic of ['a/#/b', 'a#', 'a+/b', '', undefined, 5]) {
    it(`topic ${JSON.stringify(topic)} is told, and the connection stays`, async () => {
      await startFlow([connection(broker.port), mqttIn({ topic }), mqttIn({ id: 'other' }), ...HELPERS]);
      const caught = collect('caught');
      await connected(broker, 'other');
      await until(() => caught.length === 1, 'it is told to Catch');
      const told = typeof topic === 'string' ? topic : '';
      assertHas(caught[0], { topic: told, error: { code: 'invalid-filter', source: { id: 'in' } } });
      assert.deepEqual(errors('in'), []);
      assert.equal(statuses('in').at(-1), 'red ring invalid topic filter');
    });
  }

  it('topic "a/#/b" is a sentence in the log where no Catch node takes it, and no object with a stack', async () => {
    await startFlow([connection(broker.port), mqttIn({ topic: 'a/#/b' }), mqttIn({ id: 'other' })]);
    await connected(broker, 'other');
    const { error } = Object.getPrototypeOf(node('in')) as { error: { lastCall: { args: unknown[] } } };
    const [what, ...more] = error.lastCall.args;
    assert.deepEqual([typeof what, more], ['string', []]);
    assert.match(String(what), /^topic filter "a\/#\/b"/);
  });

  for (const [stored, qos] of [
    ['0', 0],
    ['1', 1],
    [2, 2],
    ['', 2],
    ['3', 2],
    [-1, 2],
    ['high', 2],
    [undefined, 2],
  ] as const) {
    it(`qos ${JSON.stringify(stored)} is ${qos}`, async () => {
      assertHas(await subscriptionOf({ qos: stored }), { qos });
    });
  }

  it('nl false, rap true and rh 0 where nothing is stored', async () => {
    assertHas(await subscriptionOf({}), { nl: false, rap: true, rh: 0 });
  });

  for (const value of [true, 'true', false, 'false'] as const) {
    it(`nl ${JSON.stringify(value)}, rap ${JSON.stringify(value)}`, async () => {
      const expected = String(value) === 'true';
      assertHas(await subscriptionOf({ nl: value, rap: value }), { nl: expected, rap: expected });
    });
  }

  for (const [stored, rh] of [
    [0, 0],
    ['1', 1],
    [2, 2],
    ['9', 0],
  ] as const) {
    it(`rh ${JSON.stringify(stored)} is ${rh}`, async () => {
      assertHas(await subscriptionOf({ rh: stored }), { rh });
    });
  }

  it('before MQTT 5 nl, rap and rh stay here', async () => {
    const subscription = await subscriptionOf({ nl: true, rap: true, rh: 2, qos: '1' }, {});
    assertHas(subscription, { topic: 'a/#', qos: 1 });
    assert.equal(subscription?.rh ?? 0, 0);
  });

  it('broker: one that does not exist is told', async () => {
    await startFlow([connection(broker.port), mqttIn({ broker: 'gone' }), ...HELPERS]);
    assert.deepEqual(errors('in'), ['no connection chosen: open the node and choose one']);
    const caught = nextMessage('caught');
    node('in').receive({ payload: 'x' });
    assertHas((await caught)['error'], { code: 'invalid-options' });
  });

  describe('output msg', () => {
    async function messageFor(packet: Partial<IPublishPacket>, fields: object = {}, more: object = {}) {
      await startFlow([connection5(broker.port, more), mqttIn(fields), ...HELPERS]);
      const peer = await connected(broker);
      await peer.expect('subscribe');
      const arriving = nextMessage('h');
      peer.send({ cmd: 'publish', topic: 'a/b', payload: 'x', qos: 0, dup: false, retain: false, ...packet });
      return arriving;
    }

    it('topic, payload, qos, retain', async () => {
      const { topic, payload, qos, retain } = await messageFor({ qos: 1, messageId: 5, retain: true });
      assert.deepEqual({ topic, payload, qos, retain }, { topic: 'a/b', payload: 'x', qos: 1, retain: true });
    });

    for (const host of ['127.0.0.1', 'localhost']) {
      it(`_topic: the topic once more from ${host}`, async () => {
        assert.equal((await messageFor({}, {}, { broker: host }))['_topic'], 'a/b');
      });
    }

    it('_topic: not from any other name, even of this host', async () => {
      const msg = await messageFor({}, {}, { broker: `mqtt://127.0.0.1:${broker.port}` });
      assert.equal('_topic' in msg, false);
    });

    const PROPERTIES: readonly [keyof Properties, unknown, unknown?][] = [
      ['responseTopic', 'answers'],
      ['correlationData', Buffer.from([1, 2])],
      ['contentType', 'text/plain'],
      ['messageExpiryInterval', 30],
      ['messageExpiryInterval', 0],
      ['payloadFormatIndicator', true],
      ['userProperties', { a: 'b', c: 'd' }],
      ['userProperties', { a: ['b', 'c'] }],
    ];
    for (const [name, value] of PROPERTIES) {
      it(`${name} ${JSON.stringify(value)}`, async () => {
        const msg = await messageFor({ properties: { [name]: value } });
        assert.deepEqual(msg[name], value);
      });
    }

    it('without MQTT 5 properties the message has none', async () => {
      const msg = await messageFor({});
      for (const [name] of PROPERTIES) assert.equal(name in msg, false);
    });

    it('reasonString: a PUBLISH has none; one that carries it is malformed, and the connection is made anew', async () => {
      await startFlow([connection5(broker.port), mqttIn(), ...HELPERS]);
      const peer = await connected(broker);
      await peer.expect('subscribe');
      // Topic a, property 0x1F "r", no payload.
      peer.sendBytes('30 08 0001 61 04 1f 0001 72');
      const { reasonCode } = await peer.skipTo('disconnect');
      assert.ok(reasonCode === 0x81 || reasonCode === 0x82);
    });
  });

  it('two nodes on overlapping filters get each message once', async () => {
    const other = mqttIn({ id: 'other', topic: 'a/b', wires: [['h2']] });
    await startFlow([connection5(broker.port), mqttIn(), other, ...HELPERS, { id: 'h2', type: 'helper' }]);
    const peer = await connected(broker);
    await until(() => peer.received.filter(({ cmd }) => cmd === 'subscribe').length > 0, 'subscribed');
    const [first, second] = [collect('h'), collect('h2')];
    peer.send({ cmd: 'publish', topic: 'a/b', payload: 'x', qos: 0, dup: false, retain: false });
    await until(() => first.length === 1 && second.length === 1, 'one each');
  });
});
