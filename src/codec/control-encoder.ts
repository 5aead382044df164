import { generate, writeToStream } from 'mqtt-packet';
import type { IConnectPacket, Packet, UserProperties as GroupedUserProperties } from 'mqtt-packet';
import type {
  ConnectPacket,
  ControlPacket,
  DisconnectPacket,
  ProtocolVersion,
  SubscribePacket,
  UserProperties,
  Will,
} from '../protocol/packet.ts';
import { assertNever } from '../util/assert-never.ts';
import { sizeOfVarint, writeVarint } from './varint.ts';

// Otherwise the first packet builds a table of 65,536 Buffers and blocks for tens of milliseconds.
writeToStream.cacheNumbers = false;

/** The packets of which there are few, by `mqtt-packet`. What they carry was checked when it was accepted. */
export function encodeControl(packet: ControlPacket, protocolVersion: ProtocolVersion): Buffer {
  if (packet.cmd === 'connect' && isPasswordAlone(packet)) return connectWithPasswordAlone(packet);
  const bytes = generate(stockPacket(packet), { protocolVersion });
  // `mqtt-packet` answers some values that it cannot write with nothing at all.
  if (bytes.length === 0) throw new TypeError(`${packet.cmd.toUpperCase()} could not be encoded`);
  return bytes;
}

function stockPacket(packet: ControlPacket): Packet {
  switch (packet.cmd) {
    case 'connect':
      return connect(packet);
    case 'subscribe':
      return subscribe(packet);
    case 'unsubscribe':
      return { cmd: 'unsubscribe', messageId: packet.packetId, unsubscriptions: [...packet.filters] };
    case 'disconnect':
      return disconnect(packet);
    case 'pingreq':
      return { cmd: 'pingreq' };
    default:
      return assertNever(packet);
  }
}

function connect(packet: ConnectPacket): IConnectPacket {
  const { properties, will } = packet;
  return {
    cmd: 'connect',
    protocolId: packet.protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: packet.protocolVersion,
    clientId: packet.clientId,
    clean: packet.cleanStart,
    keepalive: packet.keepAlive,
    ...(packet.username !== undefined && { username: packet.username }),
    ...(packet.password !== undefined && { password: Buffer.from(packet.password) }),
    ...(will !== undefined && { will: willOf(will) }),
    ...(properties !== undefined && {
      properties: stockProperties(properties),
    }),
  };
}

/** The Connect Flags of MQTT 5 behind the protocol name and its level (3.1.2.3), and the one for a user name. */
const FLAGS_AT = 7;
const USER_NAME_FLAG = 0x80;

function isPasswordAlone({ protocolVersion, username, password }: ConnectPacket): boolean {
  return protocolVersion === 5 && username === undefined && password !== undefined;
}

/** MQTT 5 allows it (3.1.2.9), `mqtt-packet` does not: it writes an empty user name, which is taken out again. */
function connectWithPasswordAlone(packet: ConnectPacket): Buffer {
  const bytes = encodeControl({ ...packet, username: '' }, packet.protocolVersion);
  let bodyStart = 2;
  while ((bytes[bodyStart - 1] ?? 0) > 127) bodyStart += 1;
  const passwordAt = bytes.length - Buffer.from(packet.password ?? '').length - 2;
  const remainingLength = bytes.length - bodyStart - 2;
  const header = Buffer.alloc(1 + sizeOfVarint(remainingLength), bytes[0]);
  writeVarint(header, 1, remainingLength);
  const body = Buffer.concat([bytes.subarray(bodyStart, passwordAt - 2), bytes.subarray(passwordAt)]);
  body[FLAGS_AT] = (body[FLAGS_AT] ?? 0) & ~USER_NAME_FLAG;
  return Buffer.concat([header, body]);
}

function willOf(will: Will): NonNullable<IConnectPacket['will']> {
  const { topic, payload, qos, retain, properties, willDelayInterval } = will;
  return {
    topic,
    payload,
    qos,
    retain,
    properties: {
      ...stockProperties(properties ?? {}),
      ...(willDelayInterval !== undefined && { willDelayInterval }),
    },
  };
}

function subscribe(packet: SubscribePacket): Packet {
  const { packetId, subscriptions, subscriptionIdentifier, userProperties } = packet;
  return {
    cmd: 'subscribe',
    messageId: packetId,
    subscriptions: subscriptions.map((subscription) => ({
      topic: subscription.filter,
      qos: subscription.qos,
      nl: subscription.noLocal,
      rap: subscription.retainAsPublished,
      rh: subscription.retainHandling,
    })),
    properties: {
      ...stockProperties({ userProperties }),
      ...(subscriptionIdentifier !== undefined && { subscriptionIdentifier }),
    },
  };
}

function disconnect(packet: DisconnectPacket): Packet {
  const { reasonCode, properties } = packet;
  return {
    cmd: 'disconnect',
    reasonCode,
    properties: stockProperties(properties),
  };
}

/**
 * `mqtt-packet` writes an object of lists: the order between different names is lost, within a name it is kept.
 * It cannot write an empty object.
 */
function stockProperties<T extends { readonly userProperties?: UserProperties | undefined }>(
  properties: T,
): Omit<T, 'userProperties'> & { userProperties?: GroupedUserProperties } {
  const { userProperties: pairs = [], ...others } = properties;
  if (pairs.length === 0) return others;
  const userProperties = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of pairs) (userProperties[name] ??= []).push(value);
  return { ...others, userProperties };
}
