import assert from 'node:assert/strict';
import { bytesOf } from '../../../src/util/chunk.ts';
import { generate, parser } from 'mqtt-packet';
import type { Packet } from 'mqtt-packet';
import { PacketWriter } from '../../../src/codec/packet-writer.ts';
import type {
  AckCommand,
  PacketId,
  ProtocolVersion,
  PublishPacket,
  PublishProperties,
  QoS,
  ServerPacket,
  UserProperties,
} from '../../../src/protocol/packet.ts';
import { type Random, randomFrom, wholeNumber } from '../../support/random.ts';
import { decodeAll } from './wire.ts';

const SEEDS = [1, 2, 3, 4, 5];
const PACKETS_PER_SEED = 800;
const ALPHABET = ['a', 'B', '/', ' ', '$', '0', 'ä', '日', '🚀', '\uFEFF', '\u0001', '{', '"'];
const ACKS: readonly AckCommand[] = ['puback', 'pubrec', 'pubrel', 'pubcomp'];

function pick<T>(random: Random, list: readonly T[]): T {
  return list[wholeNumber(random, 0, list.length - 1)] ?? assert.fail('an empty list');
}

function words(random: Random, least: number, most: number): string {
  return Array.from({ length: wholeNumber(random, least, most) }, () => pick(random, ALPHABET)).join('');
}

function bytes(random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: wholeNumber(random, 0, most) }, () => wholeNumber(random, 0, 255)));
}

function sometimes<T>(random: Random, value: () => T): T | undefined {
  return random() < 0.4 ? value() : undefined;
}

function packetId(random: Random): PacketId {
  return pick(random, [1, 255, 256, 65_535, wholeNumber(random, 1, 65_535)]) as PacketId;
}

/** Each name once, and none a number: `mqtt-packet` loses the order of others. */
function userProperties(random: Random): UserProperties {
  const count = wholeNumber(random, 1, 3);
  return Array.from({ length: count }, (_, index) => [`${words(random, 0, 4)}_${index}`, words(random, 0, 8)] as const);
}

/** What ours has without the fields that are not there: `mqtt-packet` leaves them out. */
function defined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

function publishProperties(random: Random): PublishProperties {
  const properties: object = defined({
    payloadFormatIndicator: sometimes(random, () => random() < 0.5),
    messageExpiryInterval: sometimes(random, () => wholeNumber(random, 0, 0xffffffff)),
    topicAlias: sometimes(random, () => wholeNumber(random, 1, 65_535)),
    responseTopic: sometimes(random, () => words(random, 1, 20)),
    correlationData: sometimes(random, () => bytes(random, 20)),
    contentType: sometimes(random, () => words(random, 0, 20)),
    userProperties: sometimes(random, () => userProperties(random)),
  });
  // `defined` has removed what is undefined, which its type does not say.
  return properties;
}

function publish(random: Random, version: ProtocolVersion): PublishPacket {
  const qos = wholeNumber(random, 0, 2) as QoS;
  const properties = version === 5 ? publishProperties(random) : undefined;
  return {
    cmd: 'publish',
    topic: words(random, 1, pick(random, [3, 30, 130])),
    payload: bytes(random, pick(random, [0, 10, 200, 20_000])),
    qos,
    retain: random() < 0.5,
    dup: qos > 0 && random() < 0.5,
    packetId: qos > 0 ? packetId(random) : undefined,
    properties: properties !== undefined && Object.keys(properties).length > 0 ? properties : undefined,
  };
}

type Stock = Readonly<Record<string, unknown>>;

/** Our properties in the words of `mqtt-packet`. */
function stockProperties(properties: Readonly<Record<string, unknown>> | undefined): Stock | undefined {
  if (properties === undefined) return undefined;
  const { userProperties: pairs, ...others } = properties;
  if (pairs === undefined) return others;
  return { ...others, userProperties: Object.fromEntries(pairs as [string, string][]) };
}

function stockPublish(packet: PublishPacket): Stock {
  const { topic, payload, qos, retain, dup, packetId: messageId } = packet;
  const properties = stockProperties(packet.properties as Stock | undefined);
  return defined({ cmd: 'publish', topic, payload, qos, retain, dup, messageId, properties });
}

function generated(packet: Stock, protocolVersion: ProtocolVersion): Buffer {
  return generate(packet as unknown as Packet, { protocolVersion });
}

/** What `mqtt-packet` reads, without what is only its own. */
function parsed(stream: Buffer, protocolVersion: ProtocolVersion): Stock[] {
  const packets: Stock[] = [];
  const stock = parser({ protocolVersion });
  stock.on('error', (error: Error) => assert.fail(error));
  stock.on('packet', (packet) => {
    const { length: _length, ...fields } = packet as unknown as Stock;
    packets.push(fields);
  });
  stock.parse(stream);
  return packets;
}

function acknowledgement(random: Random, version: ProtocolVersion): Stock {
  const cmd = pick(random, ACKS);
  const codes = cmd === 'puback' || cmd === 'pubrec' ? [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] : [0, 0x92];
  const reasonString = version === 5 ? sometimes(random, () => words(random, 1, 20)) : undefined;
  const reasonCode = version === 5 ? pick(random, codes) : 0;
  return { cmd, packetId: packetId(random), reasonCode, reasonString };
}

function suback(random: Random, version: ProtocolVersion): Stock {
  const codes = version === 5 ? [0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2] : [0, 1, 2, 0x80];
  const reasonCodes = Array.from({ length: wholeNumber(random, 1, 9) }, () => pick(random, codes));
  const reasonString = version === 5 ? sometimes(random, () => words(random, 1, 20)) : undefined;
  return { cmd: 'suback', packetId: packetId(random), reasonCodes, reasonString };
}

function connackProperties(random: Random): Stock {
  return defined({
    sessionExpiryInterval: sometimes(random, () => wholeNumber(random, 0, 0xffffffff)),
    receiveMaximum: sometimes(random, () => wholeNumber(random, 1, 65_535)),
    maximumQoS: sometimes(random, () => wholeNumber(random, 0, 1)),
    retainAvailable: sometimes(random, () => random() < 0.5),
    maximumPacketSize: sometimes(random, () => wholeNumber(random, 1, 0xffffffff)),
    assignedClientIdentifier: sometimes(random, () => words(random, 1, 20)),
    topicAliasMaximum: sometimes(random, () => wholeNumber(random, 0, 65_535)),
    reasonString: sometimes(random, () => words(random, 1, 20)),
    userProperties: sometimes(random, () => userProperties(random)),
    wildcardSubscriptionAvailable: sometimes(random, () => random() < 0.5),
    subscriptionIdentifiersAvailable: sometimes(random, () => random() < 0.5),
    sharedSubscriptionAvailable: sometimes(random, () => random() < 0.5),
    serverKeepAlive: sometimes(random, () => wholeNumber(random, 0, 65_535)),
    responseInformation: sometimes(random, () => words(random, 1, 20)),
    serverReference: sometimes(random, () => words(random, 1, 20)),
    authenticationMethod: sometimes(random, () => words(random, 1, 20)),
  });
}

function connack(random: Random, version: ProtocolVersion): Stock {
  const reasonCode = version === 5 ? pick(random, [0, 0x80, 0x87, 0x9f]) : pick(random, [0, 5]);
  const sessionPresent = reasonCode === 0 && random() < 0.5;
  const properties = version === 5 ? connackProperties(random) : {};
  return { cmd: 'connack', sessionPresent, reasonCode, properties };
}

/** A packet as ours decodes it, in the words of `mqtt-packet`. */
function stock(packet: Stock, version: ProtocolVersion): Stock {
  const { cmd, packetId: messageId, reasonCode, reasonString } = packet;
  const properties = reasonString === undefined ? undefined : { reasonString };
  switch (cmd) {
    case 'publish':
      return stockPublish(packet as unknown as PublishPacket);
    case 'suback':
      return defined({ cmd, messageId, granted: packet['reasonCodes'], properties });
    case 'connack': {
      const code = version === 5 ? { reasonCode } : { returnCode: reasonCode };
      const all = stockProperties(packet['properties'] as Stock);
      return defined({ cmd, sessionPresent: packet['sessionPresent'], ...code, properties: all });
    }
    default:
      return defined({ cmd, messageId, reasonCode, properties });
  }
}

const KINDS = [publish, acknowledgement, suback, connack] as const;

/** 3.1.1 knows return codes; ours tells all of them as Reason Codes. */
function asDecoded(packet: Stock, version: ProtocolVersion): Stock {
  return packet['cmd'] === 'connack' && version < 5 && packet['reasonCode'] === 5
    ? { ...packet, reasonCode: 0x87 }
    : packet;
}

for (const version of [4, 5] as const) {
  describe(`against mqtt-packet, version ${version}`, () => {
    for (const seed of SEEDS) {
      it(`decodes what mqtt-packet generates, ${PACKETS_PER_SEED} packets of seed ${seed} in one stream`, () => {
        const random = randomFrom(seed);
        const packets = Array.from({ length: PACKETS_PER_SEED }, () => pick(random, KINDS)(random, version) as Stock);
        const stream = Buffer.concat(packets.map((packet) => generated(stock(packet, version), version)));
        const decoded = decodeAll(version, stream).map((packet: ServerPacket) => defined(packet));
        assert.equal(decoded.length, packets.length);
        for (const [index, packet] of packets.entries()) {
          assert.deepEqual(decoded[index], defined(asDecoded(packet, version)), `packet ${index}`);
        }
      });

      it(`writes PUBLISH and acknowledgements as mqtt-packet reads them, seed ${seed}`, () => {
        const random = randomFrom(seed);
        const writer = new PacketWriter(version);
        const expected: Stock[] = [];
        const chunks: Buffer[] = [];
        for (let n = 0; n < PACKETS_PER_SEED; n++) {
          const packet = pick(random, [publish, acknowledgement])(random, version) as Stock;
          if (packet['cmd'] === 'publish') writer.publish(packet as unknown as PublishPacket);
          else
            writer.acknowledge(
              packet['cmd'] as AckCommand,
              packet['packetId'] as PacketId,
              packet['reasonCode'] as number,
            );
          expected.push(packet);
          if (random() < 0.1) chunks.push(...writer.take().map(bytesOf));
        }
        chunks.push(...writer.take().map(bytesOf));
        const read = parsed(Buffer.concat(chunks), version);
        assert.equal(read.length, expected.length);
        for (const [index, packet] of expected.entries()) assertRead(read[index] ?? {}, packet, version);
      });
    }
  });
}

function assertRead(read: Stock, packet: Stock, version: ProtocolVersion): void {
  if (packet['cmd'] !== 'publish') {
    const { cmd, messageId, reasonCode } = read;
    const code = version === 5 ? { reasonCode: reasonCode ?? 0 } : {};
    const wanted = version === 5 ? { reasonCode: packet['reasonCode'] } : {};
    assert.deepEqual({ cmd, messageId, ...code }, { cmd: packet['cmd'], messageId: packet['packetId'], ...wanted });
    return;
  }
  for (const [name, value] of Object.entries(stockPublish(packet as unknown as PublishPacket))) {
    if (name === 'properties') assert.deepEqual(plain(read[name]), withoutAlias(plain(value)));
    else assert.deepEqual(read[name], value, name);
  }
}

/** A Topic Alias is read, and never written. */
function withoutAlias(properties: object): object {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => name !== 'topicAlias'));
}

/** Without the prototypes, which `mqtt-packet` leaves out. */
function plain(value: unknown): object {
  const object = { ...(value as Stock) };
  return 'userProperties' in object
    ? { ...object, userProperties: { ...(object['userProperties'] as Stock) } }
    : object;
}
