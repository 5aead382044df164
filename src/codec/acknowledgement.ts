import { malformed, protocolError } from '../protocol/errors.ts';
import type { AckCommand, AckPacket, ProtocolVersion } from '../protocol/packet.ts';
import { describeReasonCode, ReasonCode } from '../protocol/reason-codes.ts';
import { readPacketId } from './packet-id.ts';
import { ALLOWED, readProperties } from './properties.ts';
import type { Reader } from './reader.ts';

/** PUBACK and PUBREC (3.4.2.1, 3.5.2.1); PUBREL and PUBCOMP (3.6.2.1, 3.7.2.1). */
const PUBLISH_CODES: ReadonlySet<number> = new Set([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
const RELEASE_CODES: ReadonlySet<number> = new Set([0x00, 0x92]);

/** The direct path for PUBACK, PUBREC, PUBREL and PUBCOMP: packet id, then from MQTT 5 on a code, then properties. */
export function readAcknowledgement(reader: Reader, cmd: AckCommand, version: ProtocolVersion): AckPacket {
  const packetId = readPacketId(reader);
  if (reader.remaining === 0) return { cmd, packetId, reasonCode: ReasonCode.Success };
  if (version < 5) throw malformed(`${cmd.toUpperCase()} is longer than two bytes`);
  const reasonCode = reader.byte();
  const allowed = cmd === 'puback' || cmd === 'pubrec' ? PUBLISH_CODES : RELEASE_CODES;
  if (!allowed.has(reasonCode)) {
    throw protocolError(`${cmd.toUpperCase()} has the Reason Code ${describeReasonCode(reasonCode)}`);
  }
  const properties = reader.remaining > 0 ? readProperties(reader, ALLOWED.acknowledgement) : undefined;
  if (reader.remaining > 0) throw malformed(`${cmd.toUpperCase()} has bytes behind its properties`);
  return { cmd, packetId, reasonCode, reasonString: properties?.['reasonString'] as string | undefined };
}
