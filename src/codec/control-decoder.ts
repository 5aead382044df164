import { parser } from 'mqtt-packet';
import type { IDisconnectPacket, Packet } from 'mqtt-packet';
import { malformed, protocolError, textOf } from '../protocol/errors.ts';
import type {
  AuthPacket,
  ConnackPacket,
  DisconnectPacket,
  PacketId,
  ProtocolVersion,
  ServerPacket,
  SubackPacket,
  UnsubackPacket,
} from '../protocol/packet.ts';
import { REASON_CODES_OF } from '../protocol/packet-reason-codes.ts';
import { describeReasonCode, ReasonCode, reasonCodeOfReturnCode } from '../protocol/reason-codes.ts';
import { readPacketId } from './packet-id.ts';
import { ALLOWED, type PropertyValues, readProperties } from './properties.ts';
import type { Reader } from './reader.ts';

const CONNACK = 2;
const SUBACK = 9;
const UNSUBACK = 11;
const DISCONNECT = 14;

/** No request of ours names more filters, and none of 268 MB would: a SUBACK with more codes answers nothing. */
const MOST_FILTERS = 65_535;

/**
 * CONNACK, SUBACK, UNSUBACK, DISCONNECT and AUTH: checked here by the rules that `mqtt-packet` does not keep. Where it
 * has a part in it, it decodes one whole packet at a time, so that it never reads into the next one.
 */
export class ControlDecoder {
  readonly #version: ProtocolVersion;
  readonly #parse: (frame: Buffer) => Packet;

  constructor(version: ProtocolVersion) {
    this.#version = version;
    this.#parse = wholePacketParser(version);
  }

  decode(type: number, reader: Reader, frame: Buffer): ServerPacket {
    switch (type) {
      case CONNACK:
        return this.#connack(reader, frame);
      case SUBACK:
        return this.#suback(reader);
      case UNSUBACK:
        return this.#unsuback(reader);
      case DISCONNECT:
        return this.#disconnect(reader, frame);
      default:
        return this.#auth(reader);
    }
  }

  #connack(reader: Reader, frame: Buffer): ConnackPacket {
    if (this.#version === 5 && isRefusalOfMqtt5(frame)) {
      return {
        cmd: 'connack',
        sessionPresent: false,
        reasonCode: ReasonCode.UnsupportedProtocolVersion,
        properties: {},
      };
    }
    const flags = reader.byte();
    // MQTT 3.1 reserves the whole byte and says nothing of its value.
    if (flags > 1 && this.#version > 3) throw malformed(`CONNACK has the acknowledge flags ${flags}`);
    const reasonCode = this.#connackCode(reader.byte());
    const properties = this.#properties(reader, 'CONNACK', ALLOWED.connack);
    const sessionPresent = flags === 1 && this.#version > 3;
    if (sessionPresent && reasonCode !== 0) throw protocolError('CONNACK refuses and says Session Present');
    if (properties['authenticationData'] !== undefined && properties['authenticationMethod'] === undefined) {
      throw protocolError('CONNACK has Authentication Data without a method');
    }
    return { cmd: 'connack', sessionPresent, reasonCode, properties };
  }

  #connackCode(code: number): number {
    const reasonCode = this.#version === 5 ? code : reasonCodeOfReturnCode(code);
    if (reasonCode === undefined || !REASON_CODES_OF.connack.has(reasonCode)) {
      throw protocolError(`CONNACK has the undefined code ${describeReasonCode(code)}`);
    }
    return reasonCode;
  }

  #suback(reader: Reader): SubackPacket {
    const packetId = readPacketId(reader);
    const properties = this.#propertiesBefore(reader, 'SUBACK');
    const reasonCodes = readCodes(
      'SUBACK',
      reader,
      this.#version === 5 ? REASON_CODES_OF.suback : REASON_CODES_OF.suback3,
    );
    return { cmd: 'suback', packetId, reasonCodes, reasonString: reasonStringOf(properties) };
  }

  #unsuback(reader: Reader): UnsubackPacket {
    const packetId: PacketId = readPacketId(reader);
    if (this.#version < 5) {
      if (reader.remaining > 0) throw malformed('UNSUBACK is longer than two bytes');
      return { cmd: 'unsuback', packetId, reasonCodes: [] };
    }
    const properties = this.#propertiesBefore(reader, 'UNSUBACK');
    const reasonCodes = readCodes('UNSUBACK', reader, REASON_CODES_OF.unsuback);
    return { cmd: 'unsuback', packetId, reasonCodes, reasonString: reasonStringOf(properties) };
  }

  #disconnect(reader: Reader, frame: Buffer): DisconnectPacket {
    // [MQTT-3.14.0 of 3.1.1] there DISCONNECT goes from Client to Server only.
    if (this.#version < 5) throw protocolError('broker sent DISCONNECT, which before MQTT 5 only a client may send');
    if (reader.remaining === 0) return { cmd: 'disconnect', reasonCode: 0, properties: {} };
    checkedCodes('DISCONNECT', [reader.byte()], REASON_CODES_OF.disconnect);
    const properties = reader.remaining > 0 ? this.#properties(reader, 'DISCONNECT', ALLOWED.disconnect) : {};
    const { reasonCode } = this.#parse(frame) as IDisconnectPacket;
    return { cmd: 'disconnect', reasonCode: reasonCode ?? 0, properties };
  }

  #auth(reader: Reader): AuthPacket {
    if (this.#version < 5) throw protocolError('broker sent AUTH, which does not exist before MQTT 5');
    if (reader.remaining === 0) return { cmd: 'auth', reasonCode: 0 };
    const [reasonCode] = checkedCodes('AUTH', [reader.byte()], REASON_CODES_OF.auth);
    this.#properties(reader, 'AUTH', ALLOWED.auth);
    return { cmd: 'auth', reasonCode: reasonCode ?? 0 };
  }

  /** Properties at the packet's end: nothing may follow them. */
  #properties(reader: Reader, packet: string, allowed: ReadonlySet<number>): PropertyValues {
    const values = this.#version === 5 ? readProperties(reader, allowed) : undefined;
    if (reader.remaining > 0) throw malformed(`${packet} has bytes behind its end`);
    return values ?? {};
  }

  /** Properties with a payload of reason codes behind them. */
  #propertiesBefore(reader: Reader, packet: string): PropertyValues {
    const values = this.#version === 5 ? readProperties(reader, ALLOWED.acknowledgement) : undefined;
    if (reader.remaining === 0) throw protocolError(`${packet} has no reason code`);
    return values ?? {};
  }
}

/** A Server that knows only 3.1.1 answers a CONNECT of MQTT 5 in its own form: return code 1, no properties. */
function isRefusalOfMqtt5(frame: Buffer): boolean {
  return frame.length === 4 && frame[1] === 2 && frame[2] === 0 && frame[3] === 1;
}

/** One byte per filter of the request, up to the packet's end; `mqtt-packet` would make an object of each byte. */
function readCodes(packet: string, reader: Reader, allowed: ReadonlySet<number>): readonly number[] {
  if (reader.remaining > MOST_FILTERS) throw protocolError(`${packet} has ${reader.remaining} reason codes`);
  return checkedCodes(packet, [...reader.rest()], allowed);
}

function checkedCodes(packet: string, list: readonly number[], allowed: ReadonlySet<number>): readonly number[] {
  for (const code of list) {
    if (!allowed.has(code)) throw protocolError(`${packet} has the undefined code ${describeReasonCode(code)}`);
  }
  return list;
}

function reasonStringOf(properties: PropertyValues): string | undefined {
  return properties['reasonString'] as string | undefined;
}

/** A parser of `mqtt-packet` that is given one whole packet and answers with it. */
function wholePacketParser(protocolVersion: ProtocolVersion): (frame: Buffer) => Packet {
  const stock = parser({ protocolVersion });
  let parsed: Packet | undefined;
  stock.on('packet', (packet) => {
    parsed = packet;
  });
  stock.on('error', (error: unknown) => {
    throw malformed(textOf(error));
  });
  return (frame) => {
    parsed = undefined;
    stock.parse(frame);
    if (parsed === undefined) throw malformed('the packet is shorter than its Remaining Length');
    return parsed;
  };
}
