import type {
  AckCommand,
  ControlPacket,
  OutgoingPublish,
  PacketId,
  Payload,
  ProtocolVersion,
} from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import { PacketTooLarge } from '../protocol/errors.ts';
import type { Chunk } from '../util/chunk.ts';
import { encodeControl } from './control-encoder.ts';
import { PublishLayout } from './publish-encoder.ts';

/** Packets are written one behind the other into slabs of this size, so that a turn's packets are one chunk. */
const SLAB_SIZE = 65_536;

/** A payload above this travels as a chunk of its own instead of being copied. */
const LARGEST_COPIED_PAYLOAD = 4096;

/** Five bytes of fixed header and the highest Remaining Length (2.1.4): no packet is larger. */
const LARGEST_PACKET = 268_435_460;

/** Bytes of an acknowledgement without a reason code; with one it takes another. */
const SHORT_ACKNOWLEDGEMENT = 4;

const FIRST_BYTE: Readonly<Record<AckCommand, number>> = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 };

/** Encodes packets and collects their bytes until {@link take}. A packet is written whole or not at all. */
export class PacketWriter {
  readonly #version: ProtocolVersion;
  readonly #layout: PublishLayout;
  #slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
  #start = 0;
  #end = 0;
  #chunks: Chunk[] = [];
  #chunkBytes = 0;

  /** The Server's Maximum Packet Size in bytes (3.2.2.3.6); Infinity until a CONNACK names one. */
  maximumPacketSize = Infinity;

  constructor(version: ProtocolVersion) {
    this.#version = version;
    this.#layout = new PublishLayout(version);
  }

  /** Bytes waiting to be taken. */
  get pending(): number {
    return this.#chunkBytes + this.#end - this.#start;
  }

  /** @returns bytes of the payload. @throws {PacketTooLarge} before anything is written [MQTT-3.2.2-15]. */
  publish(packet: OutgoingPublish): number {
    const layout = this.#layout.measure(packet);
    const limit = Math.min(this.maximumPacketSize, LARGEST_PACKET);
    if (layout.size > limit) throw new PacketTooLarge(`the message to ${packet.topic}`, layout.size, limit);
    const { payloadBytes } = layout;
    const copied = payloadBytes <= LARGEST_COPIED_PAYLOAD;
    this.#reserve(copied ? layout.size : layout.size - payloadBytes);
    this.#end = layout.write(this.#slab, this.#end);
    if (copied) this.#copy(packet.payload, payloadBytes);
    else this.#appendAlone(packet.payload, payloadBytes);
    return payloadBytes;
  }

  /**
   * PUBACK, PUBREC, PUBREL or PUBCOMP; without a reason code where it is Success (3.4.2.1), or does not fit.
   * @throws {PacketTooLarge} before anything is written [MQTT-3.2.2-15].
   */
  acknowledge(cmd: AckCommand, packetId: PacketId, reasonCode: number = ReasonCode.Success): void {
    const limit = this.maximumPacketSize;
    if (limit < SHORT_ACKNOWLEDGEMENT) throw new PacketTooLarge(cmd.toUpperCase(), SHORT_ACKNOWLEDGEMENT, limit);
    const short = this.#version < 5 || reasonCode === ReasonCode.Success || limit === SHORT_ACKNOWLEDGEMENT;
    this.#reserve(5);
    const slab = this.#slab;
    slab[this.#end++] = FIRST_BYTE[cmd];
    slab[this.#end++] = short ? 2 : 3;
    slab[this.#end++] = packetId >> 8;
    slab[this.#end++] = packetId & 0xff;
    if (!short) slab[this.#end++] = reasonCode;
  }

  /** @throws {PacketTooLarge} before anything is written [MQTT-3.2.2-15]. */
  control(packet: ControlPacket): void {
    const bytes = encodeControl(packet, this.#version);
    if (bytes.length > this.maximumPacketSize) {
      throw new PacketTooLarge(packet.cmd.toUpperCase(), bytes.length, this.maximumPacketSize);
    }
    this.#seal();
    this.#append(bytes);
  }

  /** The collected bytes, in order; they belong to the caller, until {@link reuse}. */
  take(): readonly Chunk[] {
    this.#seal();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#chunkBytes = 0;
    return chunks;
  }

  /** Nobody needs the memory of what was taken any more. */
  reuse(): void {
    if (this.#chunks.length > 0 || this.#end > this.#start) return;
    this.#start = 0;
    this.#end = 0;
  }

  #appendAlone(payload: Payload, bytes: number): void {
    this.#seal();
    this.#append(typeof payload === 'string' ? { text: payload, bytes } : payload);
  }

  #copy(payload: Payload, bytes: number): void {
    const slab = this.#slab;
    if (typeof payload !== 'string') payload.copy(slab, this.#end);
    // As many bytes as characters: ASCII, which Latin-1 writes fastest.
    else slab.write(payload, this.#end, payload.length === bytes ? 'latin1' : 'utf8');
    this.#end += bytes;
  }

  #reserve(size: number): void {
    if (this.#end + size <= this.#slab.length) return;
    this.#seal();
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_SIZE, size));
    this.#start = 0;
    this.#end = 0;
  }

  /** Ends the chunk under construction; the next one begins behind it in the same slab. */
  #seal(): void {
    if (this.#end === this.#start) return;
    const chunk = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#append(chunk);
  }

  #append(chunk: Chunk): void {
    const bytes = Buffer.isBuffer(chunk) ? chunk.length : chunk.bytes;
    if (bytes === 0) return;
    this.#chunks.push(chunk);
    this.#chunkBytes += bytes;
  }
}
