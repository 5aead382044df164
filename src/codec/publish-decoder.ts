import { malformed, protocolError } from '../protocol/errors.ts';
import type { ProtocolVersion, PublishPacket, PublishProperties, QoS } from '../protocol/packet.ts';
import { hasWildcard } from '../protocol/topic.ts';
import { readPacketId } from './packet-id.ts';
import { ALLOWED, readProperties } from './properties.ts';
import type { Reader } from './reader.ts';

/**
 * The direct path for PUBLISH (3.3), the packet that there are millions of. It also keeps what `mqtt-packet`
 * loses: the order of the user properties [MQTT-3.3.2-18] and the strictness of sections 1.5 and 2.2.
 */
export function readPublish(reader: Reader, flags: number, version: ProtocolVersion): PublishPacket {
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw malformed('PUBLISH has both QoS bits set');
  const dup = (flags & 8) === 8;
  // [MQTT-3.3.1-2] only MQTT 5 calls it malformed; older Servers are known to do it.
  if (dup && qos === 0 && version === 5) throw malformed('PUBLISH at QoS 0 has DUP set');
  const topic = reader.string();
  // [MQTT-3.3.2-2] no wildcards in a Topic Name.
  if (hasWildcard(topic)) throw protocolError('PUBLISH has a wildcard in its Topic Name');
  const packetId = qos > 0 ? readPacketId(reader) : undefined;
  const properties = version === 5 ? readPublishProperties(reader) : undefined;
  if (topic === '' && properties?.topicAlias === undefined) throw protocolError('PUBLISH has an empty Topic Name');
  return {
    cmd: 'publish',
    topic,
    payload: reader.rest(),
    qos: qos as QoS,
    retain: (flags & 1) === 1,
    dup,
    packetId,
    properties,
  };
}

function readPublishProperties(reader: Reader): PublishProperties | undefined {
  const properties = readProperties(reader, ALLOWED.publish) as PublishProperties | undefined;
  // [MQTT-3.3.2-14] no wildcards in a Response Topic.
  if (properties?.responseTopic !== undefined && hasWildcard(properties.responseTopic)) {
    throw protocolError('PUBLISH has a wildcard in its Response Topic');
  }
  return properties;
}
