import assert from 'node:assert/strict';
import { Decoder } from '../../../src/codec/decoder.ts';
import { Framer } from '../../../src/codec/framer.ts';
import { TurnMemory } from '../../../src/codec/turn-memory.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { ProtocolViolation } from '../../../src/protocol/errors.ts';
import type { ProtocolVersion, ServerPacket } from '../../../src/protocol/packet.ts';

/** Control packets byte by byte, independent of any codec. */

export const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

/** A Variable Byte Integer (1.5.5). */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return Buffer.from(bytes);
}

export function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

/** A UTF-8 Encoded String, or Binary Data: two bytes of length in front. */
export function text(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([uint16(bytes.length), bytes]);
}

/** Property Length and properties. */
export function properties(...list: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(list);
  return Buffer.concat([varint(bytes.length), bytes]);
}

export function property(identifier: number, value: Buffer): Buffer {
  return Buffer.concat([varint(identifier), value]);
}

/** A whole control packet: first byte, Remaining Length, body. */
export function frame(firstByte: number, ...body: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(body);
  return Buffer.concat([Buffer.from([firstByte]), varint(bytes.length), bytes]);
}

/** The packets in `bytes`, cut and decoded as a connection does it. */
export function decodeAll(version: ProtocolVersion, bytes: Buffer): ServerPacket[] {
  const packets: ServerPacket[] = [];
  const decoder = new Decoder(version);
  const framer = new Framer(new TurnMemory(new FakeClock()), Infinity, (buffer, start, bodyStart, end) => {
    const packet = decoder.decode(buffer, start, bodyStart, end);
    if (packet.cmd === 'skipped') assert.fail(`a message was skipped: ${packet.why}`);
    packets.push(packet);
    return true;
  });
  framer.push(bytes);
  return packets;
}

export function decodeOne(version: ProtocolVersion, bytes: Buffer): ServerPacket {
  const [packet, ...others] = decodeAll(version, bytes);
  assert.ok(packet, `no packet in ${bytes.toString('hex')}`);
  assert.equal(others.length, 0);
  return packet;
}

/** The Reason Code with which `bytes` are refused, or `accepted`. */
export function verdict(version: ProtocolVersion, bytes: Buffer): number | 'accepted' {
  try {
    decodeOne(version, bytes);
    return 'accepted';
  } catch (error) {
    if (error instanceof ProtocolViolation) return error.reasonCode;
    throw error;
  }
}

/** Asserts that `bytes` end the connection, with this Reason Code. */
export function refuses(version: ProtocolVersion, bytes: Buffer, reasonCode: number): void {
  assert.throws(
    () => decodeOne(version, bytes),
    (error) => error instanceof ProtocolViolation && error.reasonCode === reasonCode,
    `${bytes.toString('hex').slice(0, 80)} is not refused with 0x${reasonCode.toString(16)}`,
  );
}
