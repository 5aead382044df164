import { malformed, protocolError } from '../protocol/errors.ts';
import type { AckCommand, ProtocolVersion, ServerPacket } from '../protocol/packet.ts';
import { readAcknowledgement } from './acknowledgement.ts';
import { ControlDecoder } from './control-decoder.ts';
import { readOversizedPublish, readPublish, type SkippedPublish } from './publish-decoder.ts';
import { Reader } from './reader.ts';

/** Packet types by the upper four bits of the first byte (2.1.2). */
const TYPE = {
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  suback: 9,
  unsuback: 11,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

/** Turns whole control packets into values, and everything that a Server may not send into a {@link ProtocolViolation}. */
export class Decoder {
  readonly #version: ProtocolVersion;
  readonly #reader = new Reader();
  readonly #control: ControlDecoder;

  constructor(version: ProtocolVersion) {
    this.#version = version;
    this.#control = new ControlDecoder(version);
  }

  /** @throws {ProtocolViolation} with the Reason Code for the DISCONNECT. */
  decode(buffer: Buffer, start: number, bodyStart: number, end: number): ServerPacket | SkippedPublish {
    const first = buffer[start] ?? 0;
    const type = first >> 4;
    const flags = first & 0x0f;
    this.#reader.reset(buffer, bodyStart, end);
    if (type === TYPE.publish) return readPublish(this.#reader, flags, this.#version);
    // [MQTT-2.1.3-1] reserved flags: 0010 for PUBREL, 0000 for everything else that a Server sends.
    if (flags !== (type === TYPE.pubrel ? 2 : 0) && !this.#isRepeatedPubrel(first)) {
      throw malformed(`packet type ${type} has the flags ${flags}`);
    }
    switch (type) {
      case TYPE.puback:
        return this.#acknowledgement('puback');
      case TYPE.pubrec:
        return this.#acknowledgement('pubrec');
      case TYPE.pubrel:
        return this.#acknowledgement('pubrel');
      case TYPE.pubcomp:
        return this.#acknowledgement('pubcomp');
      case TYPE.pingresp:
        if (this.#reader.remaining > 0) throw malformed('PINGRESP has a body');
        return { cmd: 'pingresp' };
      case TYPE.connack:
      case TYPE.suback:
      case TYPE.unsuback:
      case TYPE.disconnect:
      case TYPE.auth:
        return this.#control.decode(type, this.#reader, buffer.subarray(start, end));
      default:
        throw protocolError(`broker sent a packet of type ${type}, which only a client may send`);
    }
  }

  /**
   * A PUBLISH that was too large to be kept, as `why` says: `head` is what came behind its fixed header, as far as needed.
   * @throws {ProtocolViolation} with the Reason Code for the DISCONNECT.
   */
  decodeOversized(firstByte: number, head: Buffer, why: string): SkippedPublish {
    this.#reader.reset(head, 0, head.length);
    return readOversizedPublish(this.#reader, firstByte & 0x0f, this.#version, why);
  }

  /** In MQTT 3.1 a PUBREL that is sent again has DUP set (3.6 there). */
  #isRepeatedPubrel(firstByte: number): boolean {
    return this.#version === 3 && firstByte === 0x6a;
  }

  #acknowledgement(cmd: AckCommand): ServerPacket {
    return readAcknowledgement(this.#reader, cmd, this.#version);
  }
}
