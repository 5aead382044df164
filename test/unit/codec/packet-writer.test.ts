import assert from 'node:assert/strict';
import { bytesOf } from '../../../src/util/chunk.ts';
import { PacketWriter } from '../../../src/codec/packet-writer.ts';
import { PacketTooLarge } from '../../../src/protocol/errors.ts';
import type { PacketId, ProtocolVersion, OutgoingPublish } from '../../../src/protocol/packet.ts';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import { frame, properties, property, text, uint16, varint, VERSIONS } from './wire.ts';

const id = (value: number): PacketId => value as PacketId;

function message(fields: Partial<OutgoingPublish> = {}): OutgoingPublish {
  return {
    cmd: 'publish',
    topic: 't',
    payload: Buffer.from('payload'),
    qos: 0,
    retain: false,
    dup: false,
    packetId: undefined,
    properties: undefined,
    ...fields,
  };
}

/** What was collected, as bytes. */
function taken(writer: PacketWriter): readonly Buffer[] {
  return writer.take().map(bytesOf);
}

function written(version: ProtocolVersion, write: (writer: PacketWriter) => void): string {
  const writer = new PacketWriter(version);
  write(writer);
  return Buffer.concat(taken(writer)).toString('hex');
}

describe('PacketWriter', () => {
  describe('PUBLISH', () => {
    it('at QoS 0 has no Packet Identifier [MQTT-2.2.1-2]', () => {
      const bytes = written(4, (writer) => writer.publish(message()));
      assert.equal(bytes, frame(0x30, text('t'), Buffer.from('payload')).toString('hex'));
    });

    it('at QoS 1 and 2 has one, and the flags of its message', () => {
      for (const [qos, first] of [
        [1, 0x32],
        [2, 0x34],
      ] as const) {
        for (const [dup, retain] of [
          [false, false],
          [true, false],
          [false, true],
          [true, true],
        ] as const) {
          const bytes = written(4, (writer) => writer.publish(message({ qos, dup, retain, packetId: id(0x1234) })));
          const flags = first | (dup ? 8 : 0) | (retain ? 1 : 0);
          assert.equal(bytes, frame(flags, text('t'), uint16(0x1234), Buffer.from('payload')).toString('hex'));
        }
      }
    });

    it('in MQTT 5 has a Property Length even without properties [MQTT-2.2.2-1]', () => {
      const bytes = written(5, (writer) => writer.publish(message()));
      assert.equal(bytes, frame(0x30, text('t'), properties(), Buffer.from('payload')).toString('hex'));
    });

    it('never has a Subscription Identifier, also when a received message is passed on [MQTT-3.3.4-6]', () => {
      const plain = written(5, (writer) => writer.publish(message({ properties: {} })));
      const passedOn = message({ properties: { subscriptionIdentifiers: [1, 2] } });
      assert.equal(
        written(5, (writer) => writer.publish(passedOn)),
        plain,
      );
    });

    it('never has a Topic Alias: one that a received message came with is not the Server’s to know [MQTT-3.2.2-17] [MQTT-3.2.2-18] [MQTT-3.3.2-8] [MQTT-3.3.2-9]', () => {
      const plain = written(5, (writer) => writer.publish(message({ properties: {} })));
      for (const topicAlias of [0, 1, 65_535]) {
        assert.equal(
          written(5, (writer) => writer.publish(message({ properties: { topicAlias } }))),
          plain,
        );
      }
    });

    it('has its properties, user properties in their order [MQTT-3.3.2-18]', () => {
      const userProperties = [
        ['a', '1'],
        ['b', 'ü'],
        ['a', '3'],
      ] as const;
      const bytes = written(5, (writer) =>
        writer.publish(
          message({
            topic: 'tä/🚀',
            properties: {
              payloadFormatIndicator: false,
              messageExpiryInterval: 0xffffffff,
              responseTopic: 'ä',
              correlationData: Buffer.from([0, 255]),
              contentType: 'text/plain',
              userProperties,
            },
          }),
        ),
      );
      const list = properties(
        property(0x01, Buffer.from([0])),
        property(0x02, Buffer.from('ffffffff', 'hex')),
        property(0x08, text('ä')),
        property(0x09, text(Buffer.from([0, 255]))),
        property(0x03, text('text/plain')),
        ...userProperties.map(([name, value]) => property(0x26, Buffer.concat([text(name), text(value)]))),
      );
      assert.equal(bytes, frame(0x30, text('tä/🚀'), list, Buffer.from('payload')).toString('hex'));
    });

    it('before MQTT 5 has no properties', () => {
      const given = message({ properties: { contentType: 'x' } });
      assert.equal(
        written(4, (writer) => writer.publish(given)),
        written(4, (writer) => writer.publish(message())),
      );
    });

    it('has a Remaining Length of the least bytes, whatever its size [MQTT-1.5.5-1]', () => {
      for (const size of [0, 124, 125, 16_380, 16_381, 2_097_148, 2_097_149]) {
        const writer = new PacketWriter(4);
        writer.publish(message({ payload: Buffer.alloc(size) }));
        const [first] = taken(writer);
        const head = Buffer.concat([Buffer.from([0x30]), varint(size + 3)]);
        assert.deepEqual(first?.subarray(0, head.length), head, `${size} bytes`);
      }
    });

    it('larger than MQTT can say at all is refused before a byte is written', () => {
      const writer = new PacketWriter(4);
      const payload = Buffer.alloc(268_435_455 - 3 + 1);
      assert.throws(() => writer.publish(message({ payload })), PacketTooLarge);
      assert.equal(writer.pending, 0);
      writer.publish(message({ payload: payload.subarray(1) }));
      assert.deepEqual(taken(writer)[0], Buffer.from('30ffffff7f000174', 'hex'));
    });
  });

  describe('acknowledgements', () => {
    for (const [cmd, first, rules] of [
      ['puback', 0x40, '[MQTT-3.4.2-2] [MQTT-3.4.2-3]'],
      ['pubrec', 0x50, '[MQTT-3.5.2-2] [MQTT-3.5.2-3]'],
      ['pubrel', 0x62, '[MQTT-3.6.2-2] [MQTT-3.6.2-3]'],
      ['pubcomp', 0x70, '[MQTT-3.7.2-2] [MQTT-3.7.2-3]'],
    ] as const) {
      it(`${cmd} is two bytes for Success, and before MQTT 5 always`, () => {
        for (const version of VERSIONS) {
          const bytes = written(version, (writer) => writer.acknowledge(cmd, id(0xabcd)));
          assert.equal(bytes, frame(first, uint16(0xabcd)).toString('hex'));
        }
        const old = written(4, (writer) => writer.acknowledge(cmd, id(1), 0x92));
        assert.equal(old, frame(first, uint16(1)).toString('hex'));
      });

      it(`${cmd} says any other Reason Code in MQTT 5, and has no property that could be too much ${rules}`, () => {
        const bytes = written(5, (writer) => writer.acknowledge(cmd, id(1), 0x92));
        assert.equal(bytes, frame(first, uint16(1), Buffer.from([0x92])).toString('hex'));
      });
    }

    it('has the flags 0010 in PUBREL [MQTT-3.6.1-1]', () => {
      assert.match(
        written(5, (writer) => writer.acknowledge('pubrel', id(1))),
        /^62/,
      );
    });
  });

  describe('above the Server’s Maximum Packet Size [MQTT-3.2.2-15]', () => {
    it('a PUBLISH is written whole or not at all, and the stream stays in order', () => {
      const writer = new PacketWriter(5);
      const size = 1 + 1 + 3 + 1 + 7;
      writer.maximumPacketSize = size;
      writer.publish(message());
      assert.throws(
        () => writer.publish(message({ payload: Buffer.from('payload8') })),
        (error) => error instanceof PacketTooLarge && error.size === size + 1 && error.limit === size,
      );
      assert.throws(() => writer.publish(message({ payload: Buffer.alloc(100_000) })), PacketTooLarge);
      writer.acknowledge('puback', id(1));
      const expected = Buffer.concat([
        frame(0x30, text('t'), properties(), Buffer.from('payload')),
        frame(0x40, uint16(1)),
      ]);
      assert.equal(writer.pending, expected.length);
      assert.deepEqual(Buffer.concat(taken(writer)), expected);
    });

    it('an acknowledgement leaves its Reason Code out, or is not written', () => {
      const writer = new PacketWriter(5);
      writer.maximumPacketSize = 4;
      writer.acknowledge('pubcomp', id(1), 0x92);
      assert.deepEqual(Buffer.concat(taken(writer)), frame(0x70, uint16(1)));
      writer.maximumPacketSize = 3;
      assert.throws(
        () => writer.acknowledge('puback', id(1)),
        (error) => error instanceof PacketTooLarge && error.size === 4 && error.limit === 3,
      );
      assert.equal(writer.pending, 0);
    });

    it('a SUBSCRIBE is not written', () => {
      const writer = new PacketWriter(5);
      writer.maximumPacketSize = 20;
      const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
      const filter = 'a'.repeat(20) as TopicFilter;
      const packet = { cmd: 'subscribe', packetId: id(1), subscriptions: [{ filter, ...options }] } as const;
      assert.throws(
        () => writer.control(packet),
        (error) => error instanceof PacketTooLarge && error.limit === 20,
      );
      assert.equal(writer.pending, 0);
    });
  });

  describe('chunks', () => {
    it('puts many small packets into one chunk, in order', () => {
      const writer = new PacketWriter(5);
      for (let packetId = 1; packetId <= 1000; packetId++) writer.acknowledge('puback', id(packetId));
      const chunks = taken(writer);
      assert.equal(chunks.length, 1);
      assert.equal(chunks[0]?.length, 4000);
      assert.equal(chunks[0]?.readUInt16BE(4 * 999 + 2), 1000);
    });

    it('does not copy a large payload: it travels as a chunk of its own', () => {
      const writer = new PacketWriter(4);
      const payload = Buffer.alloc(16_385, 'x');
      writer.publish(message());
      writer.publish(message({ payload }));
      writer.publish(message());
      const chunks = taken(writer);
      assert.equal(chunks.length, 3);
      assert.equal(chunks[1], payload);
    });

    it('copies a payload of up to 4 KiB, so that the caller’s memory is free', () => {
      const writer = new PacketWriter(4);
      const payload = Buffer.alloc(4096, 'x');
      writer.publish(message({ payload }));
      payload.fill('y');
      const bytes = Buffer.concat(taken(writer));
      assert.ok(bytes.subarray(-4096).equals(Buffer.alloc(4096, 'x')));
    });

    it('writes text as UTF-8, short or long, whatever it is of', () => {
      for (const part of ['x', 'ä', '€', '𝄞', '\ud800']) {
        for (const count of [1, 1000, 1365, 1366, 4096, 4097, 30_000]) {
          const writer = new PacketWriter(4);
          const payload = part.repeat(count);
          writer.publish(message({ payload }));
          const bytes = Buffer.concat(taken(writer));
          const expected = Buffer.from(payload);
          assert.ok(bytes.subarray(-expected.length).equals(expected), `${count} times ${part}`);
          assert.deepEqual(
            bytes.subarray(0, -expected.length),
            Buffer.concat([Buffer.from([0x30]), varint(expected.length + 3), text('t')]),
          );
        }
      }
    });

    it('does not encode long text: that is left to the socket', () => {
      const writer = new PacketWriter(4);
      writer.publish(message({ payload: 'ä'.repeat(3000) }));
      assert.deepEqual(writer.take().slice(1), [{ text: 'ä'.repeat(3000), bytes: 6000 }]);
    });

    it('writes into the same memory again when it is told that nobody needs it, and not before', () => {
      const writer = new PacketWriter(4);
      const take = (): Buffer => {
        writer.acknowledge('puback', id(1));
        const [chunk] = taken(writer);
        assert.ok(chunk);
        return chunk;
      };
      const first = take();
      assert.notEqual(take().byteOffset, first.byteOffset);
      writer.reuse();
      assert.equal(take().byteOffset, first.byteOffset);
      writer.acknowledge('puback', id(2));
      writer.reuse();
      assert.equal(taken(writer)[0]?.readUInt16BE(2), 2, 'what is collected stays');
    });

    it('never overwrites bytes that were taken', () => {
      const writer = new PacketWriter(4);
      const all: { readonly chunk: Buffer; readonly copy: Buffer }[] = [];
      for (let round = 0; round < 60; round++) {
        for (let n = 0; n < 20; n++) {
          writer.publish(message({ payload: Buffer.alloc(200 + round, String.fromCodePoint(33 + round)) }));
        }
        for (const chunk of taken(writer)) all.push({ chunk, copy: Buffer.from(chunk) });
      }
      assert.ok(all.length >= 60);
      for (const { chunk, copy } of all) assert.ok(chunk.equals(copy));
    });

    it('tells how many bytes wait, and none after they were taken', () => {
      const writer = new PacketWriter(4);
      assert.equal(writer.pending, 0);
      writer.publish(message({ payload: Buffer.alloc(20_000) }));
      writer.acknowledge('puback', id(1));
      writer.control({ cmd: 'pingreq' });
      assert.equal(writer.pending, 4 + 3 + 20_000 + 4 + 2);
      assert.equal(Buffer.concat(taken(writer)).length, 20_013);
      assert.equal(writer.pending, 0);
      assert.deepEqual(taken(writer), []);
    });

    it('takes a head that is larger than a slab', () => {
      const writer = new PacketWriter(5);
      const value = 'v'.repeat(60_000);
      const userProperties = [
        ['a', value],
        ['b', value],
      ] as const;
      writer.publish(message({ properties: { userProperties } }));
      writer.acknowledge('puback', id(7));
      const bytes = Buffer.concat(taken(writer));
      assert.equal(bytes.subarray(-4).toString('hex'), '40020007');
      assert.equal(bytes.length, 1 + 3 + 3 + 3 + 2 * (5 + 1 + 60_000) + 7 + 4);
    });
  });
});
