import { malformed, protocolError } from '../protocol/errors.ts';
import type { AckCommand, AckPacket, ProtocolVersion } from '../protocol/packet.ts';
import { REASON_CODES_OF } from '../protocol/packet-reason-codes.ts';
import { describeReasonCode, ReasonCode } from '../protocol/reason-codes.ts';
import { readPacketId } from './packet-id.ts';
import { ALLOWED, readProperties } from './properties.ts';
import type { Reader } from './reader.ts';

/** The direct path for PUBACK, PUBREC, PUBREL and PUBCOMP: packet id, then from MQTT 5 on a code, then properties. */
export function readAcknowledgement(reader: Reader, cmd: AckCommand, version: ProtocolVersion): AckPacket {
  const packetId = readPacketId(reader);
  if (reader.remaining === 0) return { cmd, packetId, reasonCode: ReasonCode.Success };
  if (version < 5) throw malformed(`${cmd.toUpperCase()} is longer than two bytes`);
  const reasonCode = reader.byte();
  if (!REASON_CODES_OF[cmd].has(reasonCode)) {
    throw protocolError(`${cmd.toUpperCase()} has the Reason Code ${describeReasonCode(reasonCode)}`);
  }
  const properties = reader.remaining > 0 ? readProperties(reader, ALLOWED.acknowledgement) : undefined;
  if (reader.remaining > 0) throw malformed(`${cmd.toUpperCase()} has bytes behind its properties`);
  return { cmd, packetId, reasonCode, reasonString: properties?.['reasonString'] as string | undefined };
}
