import { malformed, protocolError } from '../protocol/errors.ts';
import type { PacketId, ProtocolVersion, PublishPacket, PublishProperties, QoS } from '../protocol/packet.ts';
import { hasWildcard } from '../protocol/topic.ts';
import { readPacketId } from './packet-id.ts';
import { ALLOWED, readProperties, TooManyProperties } from './properties.ts';
import type { Reader } from './reader.ts';

/** What stands before the properties of a PUBLISH. */
interface PublishHead {
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetId: PacketId | undefined;
}

/** A PUBLISH that cannot be taken in, and can be answered all the same. */
export interface SkippedPublish {
  readonly cmd: 'skipped';
  /** Empty where a Topic Alias stands for it. */
  readonly topic: string;
  readonly topicAlias: number | undefined;
  readonly qos: QoS;
  readonly dup: boolean;
  readonly packetId: PacketId | undefined;
  /** `it has …`, for a person. */
  readonly why: string;
}

/**
 * The direct path for PUBLISH (3.3), the packet that there are millions of. It also keeps what `mqtt-packet`
 * loses: the order of the user properties [MQTT-3.3.2-18] and the strictness of sections 1.5 and 2.2.
 * More properties than we take are not the Server's fault: any client may send them.
 */
export function readPublish(reader: Reader, flags: number, version: ProtocolVersion): PublishPacket | SkippedPublish {
  const head = readHead(reader, flags, version);
  const { topic, qos, retain, dup, packetId } = head;
  let properties: PublishProperties | undefined;
  try {
    properties = version === 5 ? readPublishProperties(reader) : undefined;
  } catch (error) {
    if (!(error instanceof TooManyProperties)) throw error;
    return skipped(head, error.topicAlias, error.why);
  }
  if (topic === '') requireAlias(properties?.topicAlias);
  return { cmd: 'publish', topic, payload: reader.rest(), qos, retain, dup, packetId, properties };
}

/** A PUBLISH before MQTT 5 that is larger than we take, of which only the beginning was kept. */
export function readOversizedPublish(
  reader: Reader,
  flags: number,
  version: ProtocolVersion,
  why: string,
): SkippedPublish {
  return skipped(readHead(reader, flags, version), undefined, why);
}

function skipped(
  { topic, qos, dup, packetId }: PublishHead,
  topicAlias: number | undefined,
  why: string,
): SkippedPublish {
  if (topic === '') requireAlias(topicAlias);
  return { cmd: 'skipped', topic, topicAlias, qos, dup, packetId, why };
}

function readHead(reader: Reader, flags: number, version: ProtocolVersion): PublishHead {
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw malformed('PUBLISH has both QoS bits set');
  const dup = (flags & 8) === 8;
  // [MQTT-3.3.1-2] only MQTT 5 calls it malformed; older Servers are known to do it.
  if (dup && qos === 0 && version === 5) throw malformed('PUBLISH at QoS 0 has DUP set');
  const topic = reader.string();
  // [MQTT-3.3.2-2] no wildcards in a Topic Name.
  if (hasWildcard(topic)) throw protocolError('PUBLISH has a wildcard in its Topic Name');
  const packetId = qos > 0 ? readPacketId(reader) : undefined;
  return { topic, qos: qos as QoS, retain: (flags & 1) === 1, dup, packetId };
}

function requireAlias(topicAlias: number | undefined): void {
  if (topicAlias === undefined) throw protocolError('PUBLISH has an empty Topic Name');
}

function readPublishProperties(reader: Reader): PublishProperties | undefined {
  const properties = readProperties(reader, ALLOWED.publish) as PublishProperties | undefined;
  // [MQTT-3.3.2-14] no wildcards in a Response Topic.
  if (properties?.responseTopic !== undefined && hasWildcard(properties.responseTopic)) {
    throw protocolError('PUBLISH has a wildcard in its Response Topic');
  }
  return properties;
}
