import assert from 'node:assert/strict';
import type { IPublishPacket } from 'mqtt-packet';
import { until } from '../../support/events.ts';
import type { FakeBroker, FakePeer } from '../../support/fake-broker.ts';
import { collect, errors, nextMessage, node, startFlow, stopFlow } from '../../support/flow.ts';
import { assertHas } from '../../support/partial.ts';
import { agreeing, connected, connection, HELPERS, mqttOut } from '../flows.ts';

/** What the broker tells in its CONNACK. */
const OFFERS = { topicAliasMaximum: 10 };

describe('3 mqtt out properties', () => {
  let broker: FakeBroker;
  let peer: FakePeer;

  beforeEach(async () => {
    broker = await agreeing({
      connect: ({ protocolVersion }) => ({
        cmd: 'connack',
        sessionPresent: false,
        returnCode: 0,
        reasonCode: 0,
        ...(protocolVersion === 5 && { properties: OFFERS }),
      }),
    });
  });
  afterEach(async () => {
    await stopFlow();
    await broker.close();
  });

  async function start(fields: object = {}, version: object = { protocolVersion: '5' }): Promise<void> {
    await startFlow([connection(broker.port, version), mqttOut(fields), ...HELPERS]);
    peer = await connected(broker, 'out');
  }

  /** What the broker gets of a message, with its payload as text. */
  async function published(msg: object, fields: object = {}, version?: object): Promise<IPublishPacket> {
    await start(fields, version);
    node('out').receive({ topic: 'from/msg', payload: 'x', ...msg });
    const packet = await peer.expect('publish');
    return { ...packet, payload: packet.payload.toString() };
  }

  async function errorOf(msg: object, fields: object = {}): Promise<string> {
    await start(fields);
    const caught = nextMessage('caught');
    node('out').receive(msg as never);
    return ((await caught)['error'] as { message: string }).message;
  }

  for (const [fields, msg, topic] of [
    [{ topic: '' }, { topic: 'from/msg' }, 'from/msg'],
    [{ topic: undefined }, { topic: 'from/msg' }, 'from/msg'],
    [{ topic: 'own' }, { topic: 'from/msg' }, 'own'],
    [{ topic: 'own' }, { topic: undefined }, 'own'],
  ] as const) {
    it(`topic: ${JSON.stringify(fields)} and ${JSON.stringify(msg)} is ${topic}`, async () => {
      assertHas(await published(msg, fields), { topic });
    });
  }

  for (const [own, msg, qos] of [
    ['', undefined, 0],
    ['', 1, 1],
    ['', '2', 2],
    ['', 'high', 0],
    ['', 3, 0],
    ['0', 2, 0],
    ['1', 2, 1],
    [2, 0, 2],
    [undefined, 1, 1],
    [null, 1, 1],
  ] as const) {
    it(`qos: ${JSON.stringify(own)} and msg.qos ${JSON.stringify(msg)} is ${qos}`, async () => {
      assertHas(await published({ qos: msg }, { qos: own }), { qos });
    });
  }

  for (const [own, msg, retain] of [
    ['', undefined, false],
    ['', true, true],
    ['', 'true', true],
    ['', 'false', false],
    ['', 1, false],
    ['true', false, true],
    ['false', true, false],
    [true, false, true],
    [undefined, true, true],
  ] as const) {
    it(`retain: ${JSON.stringify(own)} and msg.retain ${JSON.stringify(msg)} is ${retain}`, async () => {
      assertHas(await published({ retain: msg }, { retain: own }), { retain });
    });
  }

  const PROPERTIES: readonly [field: string, stored: unknown, name: string, msg: unknown, fromMsg: unknown][] = [
    ['respTopic', 'own/answers', 'responseTopic', 'answers', 'answers'],
    ['contentType', 'own/type', 'contentType', 'text/plain', 'text/plain'],
    ['correl', 'own', 'correlationData', Buffer.from([1, 2]), Buffer.from([1, 2])],
    ['correl', 'own', 'correlationData', 'id', Buffer.from('id')],
    ['expiry', '30', 'messageExpiryInterval', 20, 20],
    ['expiry', 30, 'messageExpiryInterval', '20', 20],
  ];
  for (const [field, stored, name, msg, fromMsg] of PROPERTIES) {
    it(`${name}: ${JSON.stringify(msg)} of the message`, async () => {
      assertHas((await published({ [name]: msg }, { [field]: '' })).properties, { [name]: fromMsg });
    });

    it(`${field} ${JSON.stringify(stored)} wins over ${name} of the message`, async () => {
      const own = field === 'expiry' ? 30 : field === 'correl' ? Buffer.from('own') : stored;
      assertHas((await published({ [name]: msg }, { [field]: stored })).properties, { [name]: own });
    });
  }

  for (const [value, sent] of [
    [{ a: 'b' }, { a: 'b' }],
    [
      { a: 1, b: true, c: { d: 2 } },
      { a: '1', b: 'true', c: '{"d":2}' },
    ],
    [{ a: null, b: undefined, c: 'd' }, { c: 'd' }],
    [{ a: ['b', 'c'] }, { a: ['b', 'c'] }],
  ] as const) {
    it(`userProperties: ${JSON.stringify(value)} of the message`, async () => {
      const { properties } = await published({ userProperties: value });
      assert.deepEqual({ ...properties?.userProperties }, sent);
    });
  }

  for (const value of [5, {}, null, '']) {
    it(`userProperties: ${JSON.stringify(value)} of the message is none`, async () => {
      assert.equal((await published({ userProperties: value })).properties?.userProperties, undefined);
    });
  }

  it('userProps wins over userProperties of the message, as a whole', async () => {
    const { properties } = await published({ userProperties: { a: 'b', c: 'd' } }, { userProps: '{"a":1}' });
    assert.deepEqual({ ...properties?.userProperties }, { a: '1' });
  });

  for (const payloadFormatIndicator of [true, 'true']) {
    it(`payloadFormatIndicator ${JSON.stringify(payloadFormatIndicator)}`, async () => {
      assertHas((await published({ payloadFormatIndicator })).properties, { payloadFormatIndicator: true });
    });
  }

  it('before MQTT 5 no property is sent', async () => {
    const msg = {
      responseTopic: 'r',
      contentType: 'c',
      messageExpiryInterval: 5,
      userProperties: { a: 'b' },
      topicAlias: 99,
    };
    const packet = await published(msg, { contentType: 'own' }, {});
    assert.equal(packet.properties, undefined);
    assert.deepEqual(errors('out'), []);
  });

  for (const topicAlias of [1, '10', undefined, '', null]) {
    it(`topicAlias ${JSON.stringify(topicAlias)}: within what the broker allows`, async () => {
      assertHas(await published({ topicAlias }), { topic: 'from/msg' });
    });
  }

  for (const topicAlias of [0, 11, -1, '65536']) {
    it(`topicAlias ${JSON.stringify(topicAlias)}: an error`, async () => {
      assert.match(await errorOf({ topic: 'a', payload: 'x', topicAlias }), /Invalid topicAlias$/);
    });
  }

  for (const fields of [{}, { respTopic: 'answers' }]) {
    it(`no topic but a responseTopic: published there ${JSON.stringify(fields)}`, async () => {
      const packet = await published({ topic: '', responseTopic: 'answers' }, fields);
      assert.equal(packet.topic, 'answers');
      assert.equal(packet.properties?.responseTopic, undefined);
    });
  }

  for (const [payload, sent] of [
    ['text', 'text'],
    ['', ''],
    [null, ''],
    [undefined, ''],
    [5, '5'],
    [0, '0'],
    [false, 'false'],
    [10n, '10'],
    [{ a: [1] }, '{"a":[1]}'],
    [[1, 2], '[1,2]'],
  ] as const) {
    it(`payload ${typeof payload} ${payload === null ? 'null' : JSON.stringify(typeof payload === 'bigint' ? '10n' : payload)} is sent as ${JSON.stringify(sent)}`, async () => {
      assertHas(await published({ payload }), { payload: sent });
    });
  }

  it('payload: a Buffer as it is', async () => {
    await start();
    node('out').receive({ topic: 'a', payload: Buffer.from([0, 255]) });
    assert.deepEqual((await peer.expect('publish')).payload, Buffer.from([0, 255]));
  });

  it('payload: none at all, nothing is sent, and done', async () => {
    await start({ topic: 'a' });
    const completed = nextMessage('completed');
    node('out').receive({ topic: 'a' });
    await completed;
    await peer.expectNothing();
  });

  it('payload: one that has no JSON is an error of the message', async () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    assert.match(await errorOf({ topic: 'a', payload: circle }), /circular/i);
  });

  it('empty payload and retain: clears what the broker has retained', async () => {
    assertHas(await published({ payload: '', retain: true }), { payload: '', retain: true });
  });

  for (const [topic, problem] of [
    ['', /empty/],
    [undefined, /empty/],
    [5, /empty/],
    ['a/#', /wildcard/],
    ['a/+/b', /wildcard/],
    ['a\0b', /U\+0000/],
  ] as const) {
    it(`topic ${JSON.stringify(topic)}: an error of the message, once`, async () => {
      const caughtBefore = errorOf({ topic, payload: 'x' });
      assert.match(await caughtBefore, problem);
      const caught = collect('caught');
      await peer.expectNothing();
      assert.equal(caught.length, 0);
    });
  }

  it('action: one that does not exist is an error, and the message is not published', async () => {
    assert.match(await errorOf({ action: 'subscribe', topic: 'a', payload: 'x' }), /Invalid action specified$/);
    await peer.expectNothing();
  });

  it('action disconnect, then connect: the message is not published, and done comes when it is so', async () => {
    await start();
    let completed = nextMessage('completed');
    node('out').receive({ action: 'disconnect', topic: 'a', payload: 'x' });
    await completed;
    await peer.expect('disconnect');
    completed = nextMessage('completed');
    node('out').receive({ action: 'connect', topic: 'a', payload: 'x' });
    await completed;
    const next = await broker.accept();
    await next.expect('connect');
    await next.expectNothing();
  });

  it('action "" is none', async () => {
    assertHas(await published({ action: '' }), { topic: 'from/msg' });
  });

  it('broker: one that does not exist is told, also to each message', async () => {
    await startFlow([mqttOut({ broker: 'gone' }), ...HELPERS]);
    const caught = collect('caught');
    node('out').receive({ topic: 'a', payload: 'x' });
    await until(() => caught.length === 1, 'the error');
    assertHas(caught[0]?.['error'], { code: 'invalid-options' });
  });
});
