import assert from 'node:assert/strict';
import { type Datatype, datatypeOf, decodePayload } from '../../../../nodes/common/decode.ts';
import { MqttError, type PublishPacket } from '../../../../src/index.ts';
import { randomFrom, wholeNumber } from '../../../support/random.ts';

const PNG = Buffer.from('89504e470d0a1a0a', 'hex');

function packet(payload: string | Uint8Array, properties?: PublishPacket['properties']): PublishPacket {
  return {
    cmd: 'publish',
    topic: 'a/b',
    payload: Buffer.from(payload),
    qos: 0,
    retain: false,
    dup: false,
    packetId: undefined,
    properties,
  };
}

function refuses(given: PublishPacket, datatype: Datatype, problem: RegExp): void {
  assert.throws(
    () => decodePayload(given, datatype),
    (error) => error instanceof MqttError && error.code === 'invalid-message' && problem.test(error.message),
  );
}

describe('datatypeOf', () => {
  it('knows its six, and takes anything else for what it is told', () => {
    for (const type of ['auto-detect', 'auto', 'buffer', 'utf8', 'json', 'base64'])
      assert.equal(datatypeOf(type), type);
    for (const value of [undefined, null, '', 'JSON', 5, {}]) {
      assert.equal(datatypeOf(value), 'utf8');
      assert.equal(datatypeOf(value, 'auto-detect'), 'auto-detect');
    }
  });
});

describe('decodePayload', () => {
  const rows: readonly (readonly [Datatype, string | Uint8Array, unknown])[] = [
    ['buffer', '{"a":1}', Buffer.from('{"a":1}')],
    ['buffer', '', Buffer.alloc(0)],
    ['utf8', '{"a":1}', '{"a":1}'],
    ['utf8', 'ä€🚀', 'ä€🚀'],
    ['utf8', '', ''],
    ['utf8', PNG, PNG.toString('utf8')],
    ['base64', PNG, 'iVBORw0KGgo='],
    ['base64', '', ''],
    ['json', '{"a":[1,null]}', { a: [1, null] }],
    ['json', ' 5 ', 5],
    ['json', '"x"', 'x'],
    ['json', 'null', null],
    ['auto', 'text', 'text'],
    ['auto', '{"a":1}', '{"a":1}'],
    ['auto', '5', '5'],
    ['auto', PNG, PNG],
    ['auto', '', ''],
    ['auto-detect', 'text', 'text'],
    ['auto-detect', '{"a":1}', { a: 1 }],
    ['auto-detect', ' [1] ', [1]],
    ['auto-detect', '{a:1}', '{a:1}'],
    ['auto-detect', '{"a":1', '{"a":1'],
    ['auto-detect', '"x"', 'x'],
    ['auto-detect', '5', 5],
    ['auto-detect', '-1.5e3', -1500],
    ['auto-detect', '05', '05'],
    ['auto-detect', '1.', '1.'],
    ['auto-detect', 'true', true],
    ['auto-detect', 'null', null],
    ['auto-detect', 'True', 'True'],
    ['auto-detect', 'truer', 'truer'],
    ['auto-detect', '', ''],
    ['auto-detect', ' ', ' '],
    ['auto-detect', PNG, PNG],
  ];
  for (const [datatype, payload, expected] of rows) {
    const shown = typeof payload === 'string' ? JSON.stringify(payload) : Buffer.from(payload).toString('hex');
    it(`${datatype}: ${shown}`, () => assert.deepEqual(decodePayload(packet(payload), datatype), expected));
  }

  for (const payload of ['', 'x', '{', '{"a":1}x', 'undefined']) {
    it(`json refuses ${JSON.stringify(payload)}, naming the topic`, () => {
      refuses(packet(payload), 'json', /payload on a\/b is not valid JSON/);
    });
  }

  it('json refuses what is not UTF-8', () => refuses(packet(PNG), 'json', /payload on a\/b is not UTF-8/));

  it('auto-detect finds JSON exactly where JSON.parse does, 5,000 texts', () => {
    const random = randomFrom(11);
    const parts = [
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '0',
      '1',
      '-',
      '.',
      'e',
      '+',
      'true',
      'null',
      ' ',
      '\n',
      '\u00A0',
      '\uFEFF',
      'x',
    ];
    for (let n = 0; n < 5000; n++) {
      const text = Array.from(
        { length: wholeNumber(random, 0, 6) },
        () => parts[wholeNumber(random, 0, parts.length - 1)],
      ).join('');
      assert.deepEqual(decodePayload(packet(text), 'auto-detect'), parsedOr(text), JSON.stringify(text));
    }
  });

  describe('by content type (MQTT 5)', () => {
    const json = Buffer.from('{"a":1}');
    const text = ['text/css', 'text/html', 'text/plain', 'application/xml', 'TEXT/Plain'];
    const bytes = [
      'application/octet-stream',
      'application/pdf',
      'application/gzip',
      'application/zip',
      'application/tar',
      'audio/aac',
      'audio/ogg',
      'image/png',
      'image/jpeg',
    ];
    for (const contentType of text) {
      it(`${contentType} is text, for auto-detect too`, () => {
        for (const datatype of ['auto', 'auto-detect'] as const) {
          assert.equal(decodePayload(packet(json, { contentType }), datatype), '{"a":1}');
        }
      });
    }
    for (const contentType of bytes) {
      it(`${contentType} is a Buffer, though it looks like text`, () => {
        for (const datatype of ['auto', 'auto-detect'] as const) {
          assert.deepEqual(decodePayload(packet(json, { contentType }), datatype), json);
        }
      });
    }

    it('application/json is parsed by auto-detect, left as text by auto, and refused by both when it is none', () => {
      const contentType = 'application/json';
      assert.deepEqual(decodePayload(packet(json, { contentType }), 'auto-detect'), { a: 1 });
      assert.equal(decodePayload(packet(json, { contentType }), 'auto'), '{"a":1}');
      for (const datatype of ['auto', 'auto-detect'] as const) refuses(packet('{', { contentType }), datatype, /JSON/);
    });

    it('an unknown one decides nothing', () => {
      for (const contentType of ['', 'application/unknown', '__proto__', 'constructor']) {
        assert.deepEqual(decodePayload(packet(json, { contentType }), 'auto-detect'), { a: 1 });
        assert.deepEqual(decodePayload(packet(PNG, { contentType }), 'auto-detect'), PNG);
      }
    });

    it('does not matter to a node that wants something else', () => {
      const given = packet(json, { contentType: 'image/png' });
      assert.equal(decodePayload(given, 'utf8'), '{"a":1}');
      assert.deepEqual(decodePayload(given, 'json'), { a: 1 });
    });
  });

  it('takes the Payload Format Indicator’s word for text', () => {
    assert.equal(decodePayload(packet(PNG, { payloadFormatIndicator: true }), 'auto'), PNG.toString('utf8'));
  });

  it('gives each node a Buffer of its own, apart from the bytes that were received', () => {
    const given = packet(PNG);
    for (const datatype of ['buffer', 'auto-detect'] as const) {
      const [one, other] = [decodePayload(given, datatype), decodePayload(given, datatype)] as [Buffer, Buffer];
      one.fill(0);
      assert.deepEqual(other, PNG);
      assert.deepEqual(given.payload, PNG);
    }
  });

  it('gives each node an object of its own', () => {
    const given = packet('{"a":{}}');
    const [one, other] = [decodePayload(given, 'json'), decodePayload(given, 'json')];
    assert.notEqual(one, other);
    assert.deepEqual(one, other);
  });

  it('does not confuse messages: each gets its own text', () => {
    const packets = ['one', 'two', '{"n":3}', 'x'.repeat(70_000)].map((payload) => packet(payload));
    for (const given of [...packets, ...packets, ...packets.toReversed()]) {
      assert.equal(decodePayload(given, 'utf8'), given.payload.toString());
    }
  });
});

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
