import { protocolError } from '../protocol/errors.ts';
import type { PacketId } from '../protocol/packet.ts';
import type { Reader } from './reader.ts';

/** [MQTT-2.2.1-3] a Packet Identifier is not zero. */
export function readPacketId(reader: Reader): PacketId {
  const packetId = reader.uint16();
  if (packetId === 0) throw protocolError('the Packet Identifier is 0');
  return packetId as PacketId;
}
