import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseMessage, type PublishRequest } from '../../../src/client/message.ts';
import { MqttError } from '../../../src/protocol/errors.ts';

const REQUEST: PublishRequest = { topic: 'a/b', payload: 'x' };

function refuses(request: Partial<PublishRequest> | object, code: string, problem: RegExp): void {
  assert.throws(
    () => parseMessage({ ...REQUEST, ...request }),
    (error) => error instanceof MqttError && error.code === code && problem.test(error.message),
  );
}

describe('parseMessage', () => {
  it('is at QoS 0 and not retained unless it says so', () => {
    assert.deepEqual(parseMessage(REQUEST), {
      topic: 'a/b',
      payload: 'x',
      qos: 0,
      retain: false,
      properties: undefined,
    });
  });

  it('keeps text as it is, and copies a Buffer: it may be used again', () => {
    assert.equal(parseMessage({ ...REQUEST, payload: 'ä€' }).payload, 'ä€');
    const payload = Buffer.from([0, 255]);
    const message = parseMessage({ ...REQUEST, payload });
    payload.fill(7);
    assert.deepEqual(message.payload, Buffer.from([0, 255]));
  });

  it('keeps of text what it was given, and not the text that it was cut out of', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    collect();
    const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    const before = used();
    const kept = Array.from({ length: 50 }, (_, index) => {
      const long = (): string => `${index} ${'x'.repeat(1_000_000)}`.slice(10, 60);
      const properties = {
        contentType: long(),
        responseTopic: long(),
        userProperties: [[long(), long()]] as const,
      };
      return parseMessage({ topic: long(), payload: long(), properties });
    });
    collect();
    const bytes = used() - before;
    assert.equal(kept.length, 50);
    assert.ok(bytes < 20_000_000, `${bytes} bytes are kept`);
  });

  it('keeps long text as bytes', () => {
    const [longest, longer] = ['ä'.repeat(131_072), 'ä'.repeat(131_073)];
    assert.equal(parseMessage({ ...REQUEST, payload: longest }).payload, longest);
    assert.deepEqual(parseMessage({ ...REQUEST, payload: longer }).payload, Buffer.from(longer));
  });

  it('refuses a bad topic also behind a good one, and the good one again', () => {
    for (const topic of ['a/b', 'a/b', 'a/#', 'a/b', 'a/#', '']) {
      const isGood = topic === 'a/b';
      if (isGood) assert.equal(parseMessage({ ...REQUEST, topic }).topic, topic);
      else refuses({ topic }, 'invalid-topic', /^topic /);
    }
  });

  for (const topic of ['', 'a/#', '+', 'a\0', '\uD800', 'x'.repeat(65_536)]) {
    it(`refuses the topic ${JSON.stringify(topic.slice(0, 5))} [MQTT-3.3.2-1] [MQTT-3.3.2-2]`, () => {
      refuses({ topic }, 'invalid-topic', /^topic /);
    });
  }

  for (const qos of [3, -1, 0.5, Number.NaN, '1', null]) {
    it(`refuses QoS ${JSON.stringify(qos)} [MQTT-3.3.1-4]`, () => {
      refuses({ qos }, 'invalid-message', /QoS is .*, it must be 0, 1 or 2/);
    });
  }

  for (const expiry of [-1, 1.5, 0x1_0000_0000, Number.NaN, Infinity]) {
    it(`refuses a message expiry of ${expiry}`, () => {
      refuses({ properties: { messageExpiryInterval: expiry } }, 'invalid-message', /message expiry is/);
    });
  }

  it('takes every value at its bounds', () => {
    for (const messageExpiryInterval of [0, 0xffffffff]) {
      const properties = {
        messageExpiryInterval,
        correlationData: Buffer.alloc(65_535),
        contentType: 'x'.repeat(65_535),
      };
      assert.deepEqual(parseMessage({ ...REQUEST, properties }).properties, properties);
    }
  });

  it('refuses correlation data of more than 65,535 bytes', () => {
    refuses({ properties: { correlationData: Buffer.alloc(65_536) } }, 'invalid-message', /65536 bytes/);
  });

  it('refuses a response topic that is no UTF-8 string [MQTT-3.3.2-13]', () => {
    refuses({ properties: { responseTopic: 'a\uD800' } }, 'invalid-topic', /lone surrogate/);
    refuses({ properties: { responseTopic: 'a\0b' } }, 'invalid-topic', /U\+0000/);
  });

  it('refuses a response topic with wildcards [MQTT-3.3.2-14]', () => {
    refuses({ properties: { responseTopic: 'a/#' } }, 'invalid-topic', /wildcard/);
  });

  for (const [what, bad] of [
    ['a lone surrogate [MQTT-1.5.4-1]', '\uD800'],
    ['U+0000 [MQTT-1.5.4-2]', 'a\0b'],
    ['65,536 bytes', 'x'.repeat(65_536)],
  ] as const) {
    it(`refuses ${what} in a content type and in both halves of a user property [MQTT-1.5.7-1] [MQTT-3.3.2-19]`, () => {
      refuses({ properties: { contentType: bad } }, 'invalid-message', /content type/);
      refuses(
        {
          properties: {
            userProperties: [
              ['ok', 'ok'],
              [bad, 'v'],
            ],
          },
        },
        'invalid-message',
        /user property/,
      );
      refuses({ properties: { userProperties: [['name', bad]] } }, 'invalid-message', /user property "name"/);
    });
  }
});
