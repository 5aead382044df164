import assert from 'node:assert/strict';
import type { PublishPacket } from '../../../src/protocol/packet.ts';
import { decodeOne, frame, hex, properties, property, refuses, text, uint16, varint, verdict } from './wire.ts';

const pair = (name: string | Uint8Array, value: string | Uint8Array): Buffer =>
  Buffer.concat([text(name), text(value)]);

/** All 27 properties of MQTT 5 (2.2.2.2) with a value that is in order. */
const VALUES: ReadonlyMap<number, Buffer> = new Map([
  [0x01, hex('01')],
  [0x02, hex('00000001')],
  [0x03, text('text/plain')],
  [0x08, text('answer')],
  [0x09, text('id')],
  [0x0b, varint(300)],
  [0x11, hex('00000001')],
  [0x12, text('client')],
  [0x13, uint16(1)],
  [0x15, text('method')],
  [0x16, text('data')],
  [0x17, hex('01')],
  [0x18, hex('00000001')],
  [0x19, hex('01')],
  [0x1a, text('info')],
  [0x1c, text('server')],
  [0x1f, text('reason')],
  [0x21, uint16(1)],
  [0x22, uint16(1)],
  [0x23, uint16(1)],
  [0x24, hex('01')],
  [0x25, hex('01')],
  [0x26, pair('name', 'value')],
  [0x27, hex('00000001')],
  [0x28, hex('01')],
  [0x29, hex('01')],
  [0x2a, hex('01')],
]);

/** Only a Client sends them, in CONNECT or a Will. */
const CLIENT_ONLY: ReadonlySet<number> = new Set([0x17, 0x18, 0x19]);

type Build = (list: Buffer) => Buffer;

/** Where properties stand in what a Server sends, and the identifiers allowed there. */
const PACKETS: readonly { readonly name: string; readonly allowed: readonly number[]; readonly build: Build }[] = [
  {
    name: 'CONNACK',
    allowed: [0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a],
    build: (list) => frame(0x20, hex('0000'), list),
  },
  {
    name: 'PUBLISH',
    allowed: [0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x23, 0x26],
    build: (list) => frame(0x30, text('topic'), list, Buffer.from('payload')),
  },
  { name: 'PUBACK', allowed: [0x1f, 0x26], build: (list) => frame(0x40, hex('0001 00'), list) },
  { name: 'PUBREC', allowed: [0x1f, 0x26], build: (list) => frame(0x50, hex('0001 00'), list) },
  { name: 'PUBREL', allowed: [0x1f, 0x26], build: (list) => frame(0x62, hex('0001 00'), list) },
  { name: 'PUBCOMP', allowed: [0x1f, 0x26], build: (list) => frame(0x70, hex('0001 00'), list) },
  { name: 'SUBACK', allowed: [0x1f, 0x26], build: (list) => frame(0x90, hex('0001'), list, hex('00')) },
  { name: 'UNSUBACK', allowed: [0x1f, 0x26], build: (list) => frame(0xb0, hex('0001'), list, hex('00')) },
  { name: 'DISCONNECT', allowed: [0x1c, 0x1f, 0x26], build: (list) => frame(0xe0, hex('00'), list) },
  { name: 'AUTH', allowed: [0x15, 0x16, 0x1f, 0x26], build: (list) => frame(0xf0, hex('18'), list) },
];

/** Lone surrogate, broken sequence, over-long form, cut off, above U+10FFFF, no UTF-8 at all, and U+0000. */
const ILL_FORMED = ['eda080', 'edbfbf', 'c328', 'c080', 'e282', 'f4908080', 'ff', '61fe62', '610062', '00'];

const STRINGS: ReadonlySet<number> = new Set([0x03, 0x08, 0x12, 0x15, 0x1a, 0x1c, 0x1f]);

const REPEATABLE: ReadonlySet<number> = new Set([0x0b, 0x26]);

/** Authentication Data needs its method beside it. */
function companions(name: string, identifier: number): Buffer[] {
  return name === 'CONNACK' && identifier === 0x16 ? [property(0x15, text('method'))] : [];
}

describe('properties of received packets', () => {
  for (const { name, allowed, build } of PACKETS) {
    const single = allowed.filter((identifier) => !REPEATABLE.has(identifier));

    it(`${name} has its ${allowed.length} of the 27 properties, and no other [MQTT-2.2.2.2]`, () => {
      for (const [identifier, value] of VALUES) {
        const list = properties(...companions(name, identifier), property(identifier, value));
        const refused = CLIENT_ONLY.has(identifier) ? 0x81 : 0x82;
        const expected = allowed.includes(identifier) ? 'accepted' : refused;
        assert.equal(verdict(5, build(list)), expected, `property 0x${identifier.toString(16)}`);
      }
    });

    it(`${name} with an unknown property is refused, whatever its identifier [MQTT-2.2.2.2]`, () => {
      const unknown = Array.from({ length: 300 }, (_, identifier) => identifier).filter((id) => !VALUES.has(id));
      for (const identifier of [...unknown, 16_384, 268_435_455]) {
        refuses(5, build(properties(property(identifier, hex('00000000')))), 0x81);
      }
    });

    it(`${name} has none of them twice, except those that may repeat [MQTT-2.2.2.2]`, () => {
      for (const identifier of single) {
        const value = VALUES.get(identifier) ?? assert.fail();
        const once = property(identifier, value);
        refuses(5, build(properties(...companions(name, identifier), once, once)), 0x82);
      }
      const user = property(0x26, pair('a', 'b'));
      assert.equal(verdict(5, build(properties(user, user))), 'accepted');
    });

    it(`${name} is refused when its Property Length or a value runs past the end [MQTT-2.2.2.1]`, () => {
      const good = properties(property(0x26, pair('name', 'value')));
      const payload = ['PUBLISH', 'SUBACK', 'UNSUBACK'].includes(name);
      for (let cut = 1; cut < (payload ? 5 : good.length); cut++) refuses(5, build(good.subarray(0, cut)), 0x81);
      refuses(5, build(hex('7f')), 0x81);
      refuses(5, build(properties(property(0x26, hex('ffff 61')))), 0x81);
    });

    it(`${name} is refused with an over-long or five-byte Property Length [MQTT-1.5.5-1]`, () => {
      for (const length of ['8000', '808000', '80808000', 'ffffffff7f', '8080808000']) {
        refuses(5, build(hex(length)), 0x81);
      }
    });

    it(`${name} is refused with an over-long property identifier [MQTT-1.5.5-1]`, () => {
      refuses(5, build(properties(hex('a600'), pair('a', 'b'))), 0x81);
    });

    it(`${name} is refused with ill-formed UTF-8 or U+0000 in any string [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.7-1]`, () => {
      for (const bad of ILL_FORMED) {
        const strings = allowed.filter((identifier) => STRINGS.has(identifier));
        for (const identifier of strings) refuses(5, build(properties(property(identifier, text(hex(bad))))), 0x81);
        refuses(5, build(properties(property(0x26, pair(hex(bad), 'value')))), 0x81);
        refuses(5, build(properties(property(0x26, pair('name', hex(bad))))), 0x81);
      }
    });
  }

  const ranges: readonly (readonly [string, string, number, string, number])[] = [
    ['CONNACK', 'Receive Maximum 0', 0x21, '0000', 0x82],
    ['CONNACK', 'Maximum Packet Size 0', 0x27, '00000000', 0x82],
    ['CONNACK', 'Maximum QoS 2', 0x24, '02', 0x82],
    ['CONNACK', 'Retain Available 2', 0x25, '02', 0x82],
    ['CONNACK', 'Wildcard Subscription Available 7', 0x28, '07', 0x82],
    ['CONNACK', 'Subscription Identifiers Available 2', 0x29, '02', 0x82],
    ['CONNACK', 'Shared Subscription Available 255', 0x2a, 'ff', 0x82],
    ['PUBLISH', 'Payload Format Indicator 2', 0x01, '02', 0x82],
    ['PUBLISH', 'Subscription Identifier 0', 0x0b, '00', 0x82],
    ['PUBLISH', 'an over-long Subscription Identifier [MQTT-1.5.5-1]', 0x0b, '8100', 0x81],
    ['PUBLISH', 'Topic Alias 0 [MQTT-3.3.2-8]', 0x23, '0000', 0x94],
  ];
  for (const [name, what, identifier, value, reasonCode] of ranges) {
    it(`${name} is refused with ${what} [MQTT-${name === 'CONNACK' ? '3.2.2.3' : '3.3.2.3'}]`, () => {
      const { build } = PACKETS.find((packet) => packet.name === name) ?? assert.fail();
      refuses(5, build(properties(property(identifier, hex(value)))), reasonCode);
    });
  }

  const zeros: readonly (readonly [string, number, string])[] = [
    ['Session Expiry Interval', 0x11, '00000000'],
    ['Server Keep Alive', 0x13, '0000'],
    ['Topic Alias Maximum', 0x22, '0000'],
    ['Maximum QoS', 0x24, '00'],
    ['Retain Available', 0x25, '00'],
  ];
  for (const [what, identifier, value] of zeros) {
    it(`CONNACK may say ${what} 0`, () => {
      assert.equal(verdict(5, frame(0x20, hex('0000'), properties(property(identifier, hex(value))))), 'accepted');
    });
  }

  it('numbers are unsigned and read to their highest values', () => {
    const list = properties(
      property(0x02, hex('ffffffff')),
      property(0x23, hex('ffff')),
      property(0x0b, varint(268_435_455)),
    );
    const packet = decodeOne(5, frame(0x30, text('t'), list)) as PublishPacket;
    assert.deepEqual(packet.properties, {
      messageExpiryInterval: 0xffffffff,
      topicAlias: 0xffff,
      subscriptionIdentifiers: [268_435_455],
    });
  });

  it('a value does not run past the Property Length into the payload', () => {
    const list = Buffer.concat([hex('05'), property(0x03, text('text'))]);
    refuses(5, frame(0x30, text('t'), list, Buffer.alloc(100, 'x')), 0x81);
  });

  it('strings keep a byte order mark and characters that only look forbidden [MQTT-1.5.4-3]', () => {
    const kept = '\uFEFF\uFFFD\uFFFE\uFFFF🚀';
    const packet = decodeOne(5, frame(0x30, text('t'), properties(property(0x03, text(kept))))) as PublishPacket;
    assert.equal(packet.properties?.contentType, kept);
  });

  it('one packet has at most 10,000 of them: what it makes us allocate is bounded', () => {
    const many = (count: number): Buffer =>
      frame(0x40, hex('0001 00'), properties(...Array<Buffer>(count).fill(property(0x26, pair('', '')))));
    assert.equal(verdict(5, many(10_000)), 'accepted');
    refuses(5, many(10_001), 0x81);
  });
});

describe('Topic Name with ill-formed UTF-8 [MQTT-1.5.4-1] [MQTT-1.5.4-2]', () => {
  for (const bad of ILL_FORMED) {
    it(`${bad} is refused in every version`, () => {
      for (const version of [3, 4] as const) refuses(version, frame(0x30, text(hex(bad))), 0x81);
      refuses(5, frame(0x30, text(hex(bad)), properties()), 0x81);
    });
  }
});
