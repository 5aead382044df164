import assert from 'node:assert/strict';
import { type OutDefaults, type OutgoingMsg, toMsg, toObject, toRequest } from '../../../../nodes/common/message.ts';
import type { PublishPacket } from '../../../../src/index.ts';

const PACKET: PublishPacket = {
  cmd: 'publish',
  topic: 'a/b',
  payload: Buffer.from('text'),
  qos: 1,
  retain: true,
  dup: false,
  packetId: undefined,
  properties: undefined,
};

const NO_DEFAULTS: OutDefaults = {
  topic: undefined,
  qos: undefined,
  retain: undefined,
  responseTopic: undefined,
  correlationData: undefined,
  contentType: undefined,
  messageExpiryInterval: undefined,
  userProperties: undefined,
};

const MSG: OutgoingMsg = { topic: 'from/msg', payload: 'x' };

describe('toMsg', () => {
  it('has topic, payload, QoS and retain, and no property that the message has not', () => {
    assert.deepEqual(toMsg(PACKET, 'utf8', false), { topic: 'a/b', payload: 'text', qos: 1, retain: true });
  });

  it('has the topic once more from a broker on this host', () => {
    assert.equal(toMsg(PACKET, 'utf8', true)._topic, 'a/b');
  });

  it('has every property of MQTT 5, also those that are false, 0 or empty', () => {
    const properties = {
      payloadFormatIndicator: false,
      messageExpiryInterval: 0,
      responseTopic: 'r',
      correlationData: Buffer.from([1]),
      contentType: '',
      userProperties: [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ] as const,
    };
    assert.deepEqual(toMsg({ ...PACKET, properties }, 'utf8', false), {
      topic: 'a/b',
      payload: 'text',
      qos: 1,
      retain: true,
      payloadFormatIndicator: false,
      messageExpiryInterval: 0,
      responseTopic: 'r',
      correlationData: Buffer.from([1]),
      contentType: '',
      userProperties: { a: ['1', '3'], b: '2' },
    });
  });

  it('has no trace of alias and subscription identifiers', () => {
    const properties = { topicAlias: 1, subscriptionIdentifiers: [1] };
    assert.deepEqual(Object.keys(toMsg({ ...PACKET, properties }, 'utf8', false)), [
      'topic',
      'payload',
      'qos',
      'retain',
    ]);
  });

  it('has correlation data of its own', () => {
    const correlationData = Buffer.from([1]);
    const msg = toMsg({ ...PACKET, properties: { correlationData } }, 'utf8', false);
    msg.correlationData?.fill(0);
    assert.deepEqual(correlationData, Buffer.from([1]));
  });
});

describe('toObject', () => {
  it('makes lists of names that repeat, in order', () => {
    assert.deepEqual(
      toObject([
        ['a', '1'],
        ['a', '2'],
        ['b', '3'],
        ['a', '4'],
      ]),
      { a: ['1', '2', '4'], b: '3' },
    );
  });

  it('takes __proto__ for a name, and changes no prototype', () => {
    const object = toObject([
      ['__proto__', 'x'],
      ['__proto__', 'y'],
    ]);
    assert.equal(Object.getPrototypeOf(object), Object.prototype);
    assert.deepEqual(Object.entries(object), [['__proto__', ['x', 'y']]]);
  });
});

describe('toRequest', () => {
  it('has correlation data of its own: the flow may use its Buffer again', () => {
    const correlationData = Buffer.from('one');
    const request = toRequest({ topic: 'a', payload: '', correlationData }, NO_DEFAULTS, true);
    correlationData.write('two');
    assert.equal(String(request.properties?.correlationData), 'one');
  });

  it('takes an array of bytes as it is, also from the middle of a larger one', () => {
    const payload = new Uint8Array([0, 1, 2, 3, 4]).subarray(1, 4);
    const request = toRequest({ topic: 'a', payload }, NO_DEFAULTS, false);
    assert.deepEqual(request.payload, Buffer.from([1, 2, 3]));
  });

  it('is at QoS 0 and not retained, where neither node nor message say more', () => {
    assert.deepEqual(toRequest(MSG, NO_DEFAULTS, false), { topic: 'from/msg', payload: 'x', qos: 0, retain: false });
  });

  it('takes QoS and retain from the message, also as text', () => {
    for (const msg of [
      { ...MSG, qos: 2, retain: true },
      { ...MSG, qos: '2', retain: 'true' },
    ]) {
      const { qos, retain } = toRequest(msg, NO_DEFAULTS, false);
      assert.deepEqual({ qos, retain }, { qos: 2, retain: true });
    }
  });

  it('lets the node’s settings win over the message', () => {
    const own: OutDefaults = {
      topic: 'own',
      qos: 1,
      retain: false,
      responseTopic: 'own/answer',
      correlationData: 'own-id',
      contentType: 'own/type',
      messageExpiryInterval: '10',
      userProperties: [['own', 'x']],
    };
    const msg = {
      ...MSG,
      qos: 2,
      retain: true,
      responseTopic: 'msg',
      correlationData: 'msg',
      contentType: 'msg',
      messageExpiryInterval: 99,
      userProperties: { msg: 'x' },
    };
    assert.deepEqual(toRequest(msg, own, true), {
      topic: 'own',
      payload: 'x',
      qos: 1,
      retain: false,
      properties: {
        responseTopic: 'own/answer',
        correlationData: Buffer.from('own-id'),
        contentType: 'own/type',
        messageExpiryInterval: 10,
        userProperties: [['own', 'x']],
      },
    });
  });

  it('takes the properties of MQTT 5 from the message', () => {
    const msg = { ...MSG, payloadFormatIndicator: true, messageExpiryInterval: 5, userProperties: { a: ['1', '2'] } };
    assert.deepEqual(toRequest(msg, NO_DEFAULTS, true).properties, {
      payloadFormatIndicator: true,
      messageExpiryInterval: 5,
      userProperties: [
        ['a', '1'],
        ['a', '2'],
      ],
    });
  });

  it('has no properties before MQTT 5', () => {
    const msg = { ...MSG, responseTopic: 'r', contentType: 'x' };
    assert.equal('properties' in toRequest(msg, { ...NO_DEFAULTS, contentType: 'y' }, false), false);
  });

  it('answers a request: without a topic it goes to the response topic, and names none itself', () => {
    const request = toRequest(
      { payload: 'x', responseTopic: 'answer', correlationData: Buffer.from('id') },
      NO_DEFAULTS,
      true,
    );
    assert.equal(request.topic, 'answer');
    assert.deepEqual(request.properties, { correlationData: Buffer.from('id') });
  });

  it('without any topic has an empty one, which the client refuses', () => {
    for (const mqtt5 of [true, false]) assert.equal(toRequest({ payload: 'x' }, NO_DEFAULTS, mqtt5).topic, '');
    assert.equal(toRequest({ payload: 'x', topic: 5 }, NO_DEFAULTS, true).topic, '');
  });

  it('sends back what was received', () => {
    const properties = {
      payloadFormatIndicator: true,
      messageExpiryInterval: 7,
      responseTopic: 'r',
      correlationData: Buffer.from([0]),
      contentType: 't',
      userProperties: [
        ['a', '1'],
        ['a', '2'],
      ] as const,
    };
    const msg = toMsg({ ...PACKET, properties }, 'buffer', false);
    assert.deepEqual(toRequest(msg, NO_DEFAULTS, true), {
      topic: 'a/b',
      payload: Buffer.from('text'),
      qos: 1,
      retain: true,
      properties,
    });
  });
});

describe('user properties of one name', () => {
  // Were each a copy of the list so far, these would take minutes.
  it('cost their number, not its square', () => {
    const pairs = Array.from({ length: 200_000 }, (_, index) => ['same', String(index)] as const);
    const { same } = toObject(pairs);
    assert.equal(same?.length, 200_000);
    assert.deepEqual(same?.slice(-2), ['199998', '199999']);
  });
});
