import assert from 'node:assert/strict';
import type { ProtocolVersion, PublishPacket, QoS } from '../../../src/protocol/packet.ts';
import {
  decodeAll,
  decodeOne,
  frame,
  hex,
  properties,
  property,
  refuses,
  text,
  uint16,
  varint,
  verdict,
  VERSIONS,
} from './wire.ts';

const NONE = Buffer.alloc(0);

/** The names of the packet types by number, and the flags that a Server gives them. */
const TYPES = [
  { type: 0, name: 'type 0' },
  { type: 1, name: 'CONNECT' },
  { type: 2, name: 'CONNACK', flags: 0, bodies: { 3: '0000', 4: '0000', 5: '000000' } },
  { type: 4, name: 'PUBACK', flags: 0, bodies: { 3: '0001', 4: '0001', 5: '0001' } },
  { type: 5, name: 'PUBREC', flags: 0, bodies: { 3: '0001', 4: '0001', 5: '0001' } },
  { type: 6, name: 'PUBREL', flags: 2, bodies: { 3: '0001', 4: '0001', 5: '0001' } },
  { type: 7, name: 'PUBCOMP', flags: 0, bodies: { 3: '0001', 4: '0001', 5: '0001' } },
  { type: 8, name: 'SUBSCRIBE' },
  { type: 9, name: 'SUBACK', flags: 0, bodies: { 3: '000100', 4: '000100', 5: '00010000' } },
  { type: 10, name: 'UNSUBSCRIBE' },
  { type: 11, name: 'UNSUBACK', flags: 0, bodies: { 3: '0001', 4: '0001', 5: '00010000' } },
  { type: 12, name: 'PINGREQ' },
  { type: 13, name: 'PINGRESP', flags: 0, bodies: { 3: '', 4: '', 5: '' } },
  { type: 14, name: 'DISCONNECT', flags: 0, bodies: { 3: undefined, 4: undefined, 5: '' } },
  { type: 15, name: 'AUTH', flags: 0, bodies: { 3: undefined, 4: undefined, 5: '' } },
] as const;

function publish(version: ProtocolVersion, flags: number, topic: Buffer, props: Buffer = properties()): Buffer {
  const packetId = (flags & 6) === 0 ? NONE : uint16(7);
  return frame(0x30 | flags, topic, packetId, version === 5 ? props : NONE, Buffer.from('payload'));
}

describe('Decoder', () => {
  describe('fixed header flags [MQTT-2.1.3-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1]', () => {
    for (const row of TYPES) {
      for (const version of VERSIONS) {
        const body = 'bodies' in row ? row.bodies[version] : undefined;
        if (body === undefined || !('flags' in row)) {
          it(`refuses ${row.name} in version ${version} whatever its flags: the Server may not send it [MQTT-2.1.2]`, () => {
            for (let flags = 0; flags < 16; flags++) {
              refuses(version, frame((row.type << 4) | flags, hex('0001 0000')), flags === 0 ? 0x82 : 0x81);
            }
          });
          continue;
        }
        it(`takes ${row.name} in version ${version} with its flags only`, () => {
          for (let flags = 0; flags < 16; flags++) {
            const again: boolean = row.type === 6 && version === 3 && flags === 0x0a;
            const expected: number | string = flags === row.flags || again ? 'accepted' : 0x81;
            assert.equal(verdict(version, frame((row.type << 4) | flags, hex(body))), expected, `flags ${flags}`);
          }
        });
      }
    }

    it('takes a repeated PUBREL of MQTT 3.1, which may have DUP there', () => {
      assert.deepEqual(decodeOne(3, hex('6a020005')), { cmd: 'pubrel', packetId: 5, reasonCode: 0 });
    });

    for (const version of VERSIONS) {
      it(`reads QoS, DUP and RETAIN of PUBLISH in version ${version}, and refuses QoS 3 [MQTT-3.3.1-4]`, () => {
        for (let flags = 0; flags < 16; flags++) {
          const bytes = publish(version, flags, text('a'));
          const dupAtQos0 = (flags & 0x0e) === 8;
          if ((flags & 6) === 6 || (dupAtQos0 && version === 5)) {
            refuses(version, bytes, 0x81);
            continue;
          }
          const { qos, dup, retain, packetId } = decodeOne(version, bytes) as PublishPacket;
          const expected: Partial<PublishPacket> = {
            qos: ((flags >> 1) & 3) as QoS,
            dup: (flags & 8) > 0,
            retain: (flags & 1) > 0,
          };
          assert.deepEqual({ qos, dup, retain }, expected, `flags ${flags}`);
          assert.equal(packetId, qos === 0 ? undefined : 7);
        }
      });
    }

    it('refuses DUP at QoS 0 in MQTT 5, and tolerates it before [MQTT-3.3.1-2]', () => {
      assert.deepEqual(
        VERSIONS.map((version) => verdict(version, publish(version, 8, text('a')))),
        ['accepted', 'accepted', 0x81],
      );
    });
  });

  describe('Packet Identifier 0', () => {
    const rows: readonly (readonly [string, number, string])[] = [
      ['PUBLISH at QoS 1 [MQTT-2.2.1-4]', 0x32, '000161 0000 00'],
      ['PUBLISH at QoS 2 [MQTT-2.2.1-4]', 0x34, '000161 0000 00'],
      ['PUBACK [MQTT-2.2.1-5]', 0x40, '0000'],
      ['PUBREC [MQTT-2.2.1-5]', 0x50, '0000'],
      ['PUBREL [MQTT-2.2.1-5]', 0x62, '0000'],
      ['PUBCOMP [MQTT-2.2.1-5]', 0x70, '0000'],
      ['SUBACK [MQTT-2.2.1-6]', 0x90, '0000 00 00'],
      ['UNSUBACK [MQTT-2.2.1-6]', 0xb0, '0000 00 00'],
    ];
    for (const [name, first, body] of rows) {
      it(`is refused in ${name}`, () => refuses(5, frame(first, hex(body)), 0x82));
    }
  });

  describe('acknowledgements (3.4.2 to 3.7.2)', () => {
    for (const [first, cmd] of [
      [0x40, 'puback'],
      [0x50, 'pubrec'],
      [0x62, 'pubrel'],
      [0x70, 'pubcomp'],
    ] as const) {
      it(`${cmd}: two bytes are Success, three have a code, four or more have properties`, () => {
        const accepted = { cmd, packetId: 0x1234, reasonCode: 0 };
        assert.deepEqual(decodeOne(5, frame(first, hex('1234'))), accepted);
        const short = decodeOne(5, frame(first, hex('123400')));
        assert.deepEqual(short, { ...accepted, reasonString: undefined });
        const empty = decodeOne(5, frame(first, hex('12340000')));
        assert.deepEqual(empty, { ...accepted, reasonString: undefined });
        const full = frame(first, hex('123400'), properties(property(0x1f, text('why'))));
        assert.deepEqual(decodeOne(5, full), { ...accepted, reasonString: 'why' });
      });

      it(`${cmd}: refuses fewer than two bytes`, () => {
        for (const version of VERSIONS) {
          refuses(version, frame(first), 0x81);
          refuses(version, frame(first, hex('12')), 0x81);
        }
      });

      it(`${cmd}: does not read its id from the packet behind it`, () => {
        refuses(4, Buffer.concat([frame(first, hex('12')), hex('d000')]), 0x81);
      });

      it(`${cmd}: refuses bytes behind its end [MQTT-4.13.1]`, () => {
        refuses(5, frame(first, hex('1234 00 00 ff')), 0x81);
        for (const version of [3, 4] as const) refuses(version, frame(first, hex('123400')), 0x81);
      });
    }
  });

  describe('Reason Codes: the defined ones only', () => {
    const publishCodes = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    const connackCodes = [
      0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
      0x9c, 0x9d, 0x9f,
    ];
    const disconnectCodes = [
      0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
      0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
    ];
    const subackCodes = [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2];
    const code = (value: number): Buffer => Buffer.from([value]);
    const rows: readonly {
      readonly name: string;
      readonly version: ProtocolVersion;
      readonly codes: readonly number[];
      readonly refusedWith?: number;
      readonly bytes: (value: number) => Buffer;
    }[] = [
      {
        name: 'CONNACK [MQTT-3.2.2-8]',
        version: 5,
        codes: connackCodes,
        bytes: (value) => frame(0x20, hex('00'), code(value), properties()),
      },
      {
        name: 'CONNACK of 3.1.1 [MQTT-3.2.2-6 of 3.1.1]',
        version: 4,
        codes: [0, 1, 2, 3, 4, 5],
        bytes: (value) => frame(0x20, hex('00'), code(value)),
      },
      {
        name: 'PUBACK [MQTT-3.4.2-1]',
        version: 5,
        codes: publishCodes,
        bytes: (value) => frame(0x40, uint16(1), code(value)),
      },
      {
        name: 'PUBREC [MQTT-3.5.2-1]',
        version: 5,
        codes: publishCodes,
        bytes: (value) => frame(0x50, uint16(1), code(value)),
      },
      {
        name: 'PUBREL [MQTT-3.6.2-1]',
        version: 5,
        codes: [0x00, 0x92],
        bytes: (value) => frame(0x62, uint16(1), code(value)),
      },
      {
        name: 'PUBCOMP [MQTT-3.7.2-1]',
        version: 5,
        codes: [0x00, 0x92],
        bytes: (value) => frame(0x70, uint16(1), code(value)),
      },
      {
        name: 'SUBACK [MQTT-3.9.3-2]',
        version: 5,
        codes: subackCodes,
        bytes: (value) => frame(0x90, uint16(1), properties(), code(0), code(value)),
      },
      {
        name: 'SUBACK of 3.1.1 [MQTT-3.9.3-2 of 3.1.1]',
        version: 4,
        codes: [0x00, 0x01, 0x02, 0x80],
        bytes: (value) => frame(0x90, uint16(1), code(0), code(value)),
      },
      {
        name: 'UNSUBACK [MQTT-3.11.3-2]',
        version: 5,
        codes: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
        bytes: (value) => frame(0xb0, uint16(1), properties(), code(0), code(value)),
      },
      {
        name: 'DISCONNECT, where 0x04 is the client’s only [MQTT-3.14.2-1]',
        version: 5,
        codes: disconnectCodes,
        bytes: (value) => frame(0xe0, code(value), properties()),
      },
      {
        name: 'AUTH, where 0x19 is the client’s only [MQTT-3.15.2-1]',
        version: 5,
        codes: [0x00, 0x18],
        bytes: (value) => frame(0xf0, code(value), properties()),
      },
    ];
    for (const { name, version, codes, bytes } of rows) {
      it(`${name}: 256 codes, ${codes.length} defined`, () => {
        for (let value = 0; value < 256; value++) {
          const expected: number | string = codes.includes(value) ? 'accepted' : 0x82;
          assert.equal(verdict(version, bytes(value)), expected, `code 0x${value.toString(16)}`);
        }
      });
    }
  });

  describe('CONNACK', () => {
    it('has the acknowledge flags 0 or 1 only [MQTT-3.2.2-1]', () => {
      for (let flags = 2; flags < 256; flags++) {
        refuses(5, frame(0x20, Buffer.from([flags, 0, 0])), 0x81);
        refuses(4, frame(0x20, Buffer.from([flags, 0])), 0x81);
      }
    });

    it('of MQTT 3.1 has no Session Present: its reserved byte is ignored', () => {
      for (const flags of [0, 1, 0xff]) {
        assert.deepEqual(decodeOne(3, frame(0x20, Buffer.from([flags, 0]))), {
          cmd: 'connack',
          sessionPresent: false,
          reasonCode: 0,
          properties: {},
        });
      }
    });

    it('does not say Session Present with a refusal [MQTT-3.2.2-6]', () => {
      refuses(5, hex('2003 01 87 00'), 0x82);
      refuses(4, hex('2002 01 05'), 0x82);
    });

    it('tells the return codes of 3.1.1 as Reason Codes of MQTT 5', () => {
      const codes = [0, 1, 2, 3, 4, 5].map((value) => decodeOne(4, frame(0x20, Buffer.from([0, value]))));
      assert.deepEqual(
        codes.map((packet) => packet.cmd === 'connack' && packet.reasonCode),
        [0x00, 0x84, 0x85, 0x88, 0x86, 0x87],
      );
    });

    it('of a Server that knows only 3.1.1 refuses MQTT 5 in its own form', () => {
      assert.deepEqual(decodeOne(5, hex('2002 00 01')), {
        cmd: 'connack',
        sessionPresent: false,
        reasonCode: 0x84,
        properties: {},
      });
    });

    it('is refused when it is short or long', () => {
      for (const bytes of ['2000', '2001 00', '2003 00 00 00', '2004 00 00 00 00']) refuses(4, hex(bytes), 0x81);
      for (const bytes of ['2000', '2001 00', '2002 00 00', '2004 00 00 00 00']) refuses(5, hex(bytes), 0x81);
    });

    it('has no Authentication Data without Authentication Method [MQTT-3.2.2.3.18]', () => {
      refuses(5, frame(0x20, hex('0000'), properties(property(0x16, text('data')))), 0x82);
    });

    it('tells every property that it has', () => {
      const bytes = frame(
        0x20,
        hex('0100'),
        properties(
          property(0x11, hex('00000e10')),
          property(0x12, text('given')),
          property(0x13, uint16(30)),
          property(0x15, text('method')),
          property(0x16, text(hex('00ff'))),
          property(0x1a, text('response/')),
          property(0x1c, text('other:1883')),
          property(0x1f, text('because')),
          property(0x21, uint16(20)),
          property(0x22, uint16(10)),
          property(0x24, hex('01')),
          property(0x25, hex('00')),
          property(0x26, Buffer.concat([text('a'), text('1')])),
          property(0x26, Buffer.concat([text('b'), text('2')])),
          property(0x26, Buffer.concat([text('a'), text('3')])),
          property(0x27, hex('00010000')),
          property(0x28, hex('01')),
          property(0x29, hex('00')),
          property(0x2a, hex('01')),
        ),
      );
      assert.deepEqual(decodeOne(5, bytes), {
        cmd: 'connack',
        sessionPresent: true,
        reasonCode: 0,
        properties: {
          sessionExpiryInterval: 3600,
          assignedClientIdentifier: 'given',
          serverKeepAlive: 30,
          authenticationMethod: 'method',
          authenticationData: hex('00ff'),
          responseInformation: 'response/',
          serverReference: 'other:1883',
          reasonString: 'because',
          receiveMaximum: 20,
          topicAliasMaximum: 10,
          maximumQoS: 1,
          retainAvailable: false,
          userProperties: [
            ['a', '1'],
            ['b', '2'],
            ['a', '3'],
          ],
          maximumPacketSize: 65_536,
          wildcardSubscriptionAvailable: true,
          subscriptionIdentifiersAvailable: false,
          sharedSubscriptionAvailable: true,
        },
      });
    });
  });

  describe('SUBACK and UNSUBACK', () => {
    it('have their codes in the order of the request [MQTT-3.9.3-1] [MQTT-3.11.3-1]', () => {
      assert.deepEqual(decodeOne(5, frame(0x90, hex('0003 00 00 01 02 87'))), {
        cmd: 'suback',
        packetId: 3,
        reasonCodes: [0, 1, 2, 0x87],
        reasonString: undefined,
      });
      const reason = properties(property(0x1f, text('no')));
      assert.deepEqual(decodeOne(5, frame(0xb0, uint16(3), reason, hex('0011'))), {
        cmd: 'unsuback',
        packetId: 3,
        reasonCodes: [0, 0x11],
        reasonString: 'no',
      });
    });

    it('without any code are refused', () => {
      refuses(5, hex('9003 0001 00'), 0x82);
      refuses(4, hex('9002 0001'), 0x82);
      refuses(5, hex('b003 0001 00'), 0x82);
    });

    it('with more codes than a request of ours has filters are refused before anything is made of them', () => {
      const codes = Buffer.alloc(65_536);
      refuses(4, frame(0x90, uint16(1), codes), 0x82);
      refuses(5, frame(0x90, uint16(1), properties(), codes), 0x82);
      refuses(5, frame(0xb0, uint16(1), properties(), codes), 0x82);
      assert.equal(verdict(5, frame(0x90, uint16(1), properties(), codes.subarray(1))), 'accepted');
    });

    it('that end too early are refused', () => {
      for (const version of VERSIONS) {
        refuses(version, hex('9000'), 0x81);
        refuses(version, hex('9001 00'), 0x81);
        refuses(version, hex('b000'), 0x81);
        refuses(version, hex('b001 00'), 0x81);
      }
      refuses(5, hex('9002 0001'), 0x81);
      refuses(5, hex('b002 0001'), 0x81);
    });

    it('UNSUBACK before MQTT 5 has two bytes, not more', () => {
      assert.deepEqual(decodeOne(4, hex('b002 0001')), { cmd: 'unsuback', packetId: 1, reasonCodes: [] });
      refuses(4, hex('b003 0001 00'), 0x81);
    });
  });

  describe('PINGRESP, DISCONNECT and AUTH', () => {
    it('PINGRESP has no body', () => {
      for (const version of VERSIONS) refuses(version, hex('d001 00'), 0x81);
    });

    it('DISCONNECT may leave out its properties, or everything', () => {
      assert.deepEqual(decodeOne(5, hex('e000')), { cmd: 'disconnect', reasonCode: 0, properties: {} });
      assert.deepEqual(decodeOne(5, hex('e001 8e')), { cmd: 'disconnect', reasonCode: 0x8e, properties: {} });
      assert.deepEqual(decodeOne(5, hex('e002 8e 00')), { cmd: 'disconnect', reasonCode: 0x8e, properties: {} });
    });

    it('DISCONNECT and AUTH without a body are read when other packets follow in the chunk', () => {
      const commands = decodeAll(5, hex('f000 40020001 e000 d000')).map((packet) => packet.cmd);
      assert.deepEqual(commands, ['auth', 'puback', 'disconnect', 'pingresp']);
    });

    it('DISCONNECT from the Server has no Session Expiry Interval [MQTT-3.14.2-2]', () => {
      refuses(5, frame(0xe0, hex('00'), properties(property(0x11, hex('00000001')))), 0x82);
    });

    it('AUTH with a code has a Property Length too', () => {
      refuses(5, hex('f001 18'), 0x81);
      assert.deepEqual(decodeOne(5, hex('f002 18 00')), { cmd: 'auth', reasonCode: 0x18 });
    });

    it('bytes behind the end are refused [MQTT-4.13.1]', () => {
      refuses(5, hex('e003 00 00 00'), 0x81);
      refuses(5, hex('f003 18 00 00'), 0x81);
    });
  });

  describe('Topic Name', () => {
    for (const version of VERSIONS) {
      it(`in version ${version} has no wildcards [MQTT-3.3.2-2]`, () => {
        for (const topic of ['#', '+', 'a/#', 'a/+/b', 'a#', 'a+b']) {
          refuses(version, publish(version, 0, text(topic)), 0x82);
        }
      });

      it(`in version ${version} is not empty without a Topic Alias [MQTT-3.3.2.1]`, () => {
        refuses(version, publish(version, 0, text('')), 0x82);
      });

      it(`in version ${version} keeps a byte order mark [MQTT-1.5.4-3]`, () => {
        const packet = decodeOne(version, publish(version, 0, text(hex('efbbbf61')))) as PublishPacket;
        assert.equal(packet.topic, '\uFEFFa');
      });

      it(`in version ${version} does not run past the end of the packet`, () => {
        refuses(version, hex('3000'), 0x81);
        refuses(version, hex('3001 00'), 0x81);
        refuses(version, hex('3003 0002 61'), 0x81);
      });
    }

    it('may be empty with a Topic Alias', () => {
      const bytes = publish(5, 0, text(''), properties(property(0x23, uint16(3))));
      const { topic, properties: decoded } = decodeOne(5, bytes) as PublishPacket;
      assert.deepEqual({ topic, alias: decoded?.topicAlias }, { topic: '', alias: 3 });
    });

    it('is read byte-exactly: no normalisation, every level kept', () => {
      for (const topic of ['é', 'e\u0301', 'A/a', '/', '//', 'a//b/', '$SYS/x', '🚀', 'a\u0001b', '\uFFFD']) {
        assert.equal((decodeOne(4, publish(4, 0, text(topic))) as PublishPacket).topic, topic);
      }
    });

    it('may be 65,535 bytes long', () => {
      const topic = 'x'.repeat(65_535);
      assert.equal((decodeOne(5, publish(5, 0, text(topic))) as PublishPacket).topic, topic);
    });
  });

  describe('PUBLISH', () => {
    it('with an empty payload has one of no bytes', () => {
      assert.equal((decodeOne(4, hex('3003 000161')) as PublishPacket).payload.length, 0);
      assert.equal((decodeOne(5, hex('3004 000161 00')) as PublishPacket).payload.length, 0);
    });

    it('without its Packet Identifier or Property Length is refused', () => {
      refuses(4, hex('3203 000161'), 0x81);
      refuses(4, hex('3204 000161 00'), 0x81);
      refuses(5, hex('3003 000161'), 0x81);
    });

    it('has a Response Topic and a Content Type of well-formed UTF-8 [MQTT-3.3.2-13] [MQTT-3.3.2-19]', () => {
      for (const identifier of [0x08, 0x03]) {
        for (const bad of ['c328', 'eda080', '610062']) {
          refuses(5, publish(5, 0, text('a'), properties(property(identifier, text(hex(bad))))), 0x81);
        }
      }
    });

    it('has no wildcards in its Response Topic [MQTT-3.3.2-14]', () => {
      for (const topic of ['a/#', '+']) {
        refuses(5, publish(5, 0, text('a'), properties(property(0x08, text(topic)))), 0x82);
      }
    });

    it('keeps the order of its user properties, names repeated [MQTT-3.3.2-18]', () => {
      const pair = (name: string, value: string): Buffer => property(0x26, Buffer.concat([text(name), text(value)]));
      const list = properties(pair('a', '1'), pair('b', '2'), pair('a', '3'), pair('__proto__', 'x'), pair('', ''));
      const packet = decodeOne(5, publish(5, 0, text('t'), list)) as PublishPacket;
      assert.deepEqual(packet.properties?.userProperties, [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
        ['__proto__', 'x'],
        ['', ''],
      ]);
    });

    it('copies its Correlation Data, which outlives the packet', () => {
      const bytes = publish(5, 0, text('t'), properties(property(0x09, text('id'))));
      const packet = decodeOne(5, bytes) as PublishPacket;
      bytes.fill(0);
      assert.equal(packet.properties?.correlationData?.toString(), 'id');
    });
  });

  it('never answers random bytes with anything but a packet or a violation, 20,000 packets', () => {
    let state = 1;
    const next = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 16;
    for (let round = 0; round < 20_000; round++) {
      const body = Buffer.from(Array.from({ length: next() % 24 }, () => next() & 0xff));
      const bytes = Buffer.concat([Buffer.from([next() & 0xff]), varint(body.length), body]);
      const code = verdict(VERSIONS[round % 3] ?? 5, bytes);
      assert.ok(code === 'accepted' || [0x81, 0x82, 0x94].includes(code), `${bytes.toString('hex')}: ${code}`);
    }
  });
});
