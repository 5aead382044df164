import {
  type OutgoingPublish,
  payloadBytes,
  type ProtocolVersion,
  type PublishProperties,
} from '../protocol/packet.ts';
import { sizeOfVarint, writeVarint } from './varint.ts';

/**
 * The direct path for PUBLISH (3.3): measured first, so that it is written once, into a buffer that is large enough.
 * One layout serves all packets of a connection in turn.
 */
export class PublishLayout {
  readonly #version: ProtocolVersion;
  #packet: OutgoingPublish | undefined;
  #topicBytes = 0;
  #propertyBytes = 0;
  #remainingLength = 0;

  /** Bytes of the whole packet, and of its payload. */
  size = 0;
  payloadBytes = 0;

  constructor(version: ProtocolVersion) {
    this.#version = version;
  }

  measure(packet: OutgoingPublish): this {
    this.#packet = packet;
    this.#topicBytes = Buffer.byteLength(packet.topic);
    this.#propertyBytes = packet.properties === undefined ? 0 : sizeOfProperties(packet.properties);
    const head = 2 + this.#topicBytes + (packet.qos > 0 ? 2 : 0);
    const properties = this.#version === 5 ? sizeOfVarint(this.#propertyBytes) + this.#propertyBytes : 0;
    this.payloadBytes = payloadBytes(packet.payload);
    this.#remainingLength = head + properties + this.payloadBytes;
    this.size = 1 + sizeOfVarint(this.#remainingLength) + this.#remainingLength;
    return this;
  }

  /** Writes everything but the payload at `at`; returns where the payload begins. */
  write(buffer: Buffer, at: number): number {
    const packet = this.#packet;
    if (packet === undefined) throw new TypeError('measure the packet first');
    buffer[at++] = 0x30 | (packet.dup ? 8 : 0) | (packet.qos << 1) | (packet.retain ? 1 : 0);
    at = writeVarint(buffer, at, this.#remainingLength);
    at = writeUint16(buffer, at, this.#topicBytes);
    at += this.#writeText(buffer, at, packet.topic);
    if (packet.packetId !== undefined) at = writeUint16(buffer, at, packet.packetId);
    if (this.#version < 5) return at;
    at = writeVarint(buffer, at, this.#propertyBytes);
    return packet.properties === undefined ? at : writeProperties(buffer, at, packet.properties);
  }

  /** As many bytes as characters: plain ASCII, which Latin-1 writes fastest. */
  #writeText(buffer: Buffer, at: number, text: string): number {
    return buffer.write(text, at, this.#topicBytes === text.length ? 'latin1' : 'utf8');
  }
}

function sizeOfProperties(properties: PublishProperties): number {
  let size = 0;
  if (properties.payloadFormatIndicator !== undefined) size += 2;
  if (properties.messageExpiryInterval !== undefined) size += 5;
  if (properties.responseTopic !== undefined) size += 3 + Buffer.byteLength(properties.responseTopic);
  if (properties.correlationData !== undefined) size += 3 + properties.correlationData.length;
  if (properties.contentType !== undefined) size += 3 + Buffer.byteLength(properties.contentType);
  for (const [name, value] of properties.userProperties ?? []) {
    size += 5 + Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  return size;
}

/**
 * [MQTT-3.3.4-6] a PUBLISH from a Client has no Subscription Identifier, and we set no Topic Alias [MQTT-3.3.2-9]: those
 * of a received message that is passed on are not written.
 */
function writeProperties(buffer: Buffer, at: number, properties: PublishProperties): number {
  if (properties.payloadFormatIndicator !== undefined) {
    buffer[at++] = 0x01;
    buffer[at++] = properties.payloadFormatIndicator ? 1 : 0;
  }
  if (properties.messageExpiryInterval !== undefined) {
    buffer[at++] = 0x02;
    at = buffer.writeUInt32BE(properties.messageExpiryInterval, at);
  }
  if (properties.responseTopic !== undefined) {
    buffer[at++] = 0x08;
    at = writeString(buffer, at, properties.responseTopic);
  }
  if (properties.correlationData !== undefined) {
    buffer[at++] = 0x09;
    at = writeUint16(buffer, at, properties.correlationData.length);
    at += properties.correlationData.copy(buffer, at);
  }
  if (properties.contentType !== undefined) {
    buffer[at++] = 0x03;
    at = writeString(buffer, at, properties.contentType);
  }
  for (const [name, value] of properties.userProperties ?? []) {
    buffer[at++] = 0x26;
    at = writeString(buffer, at, name);
    at = writeString(buffer, at, value);
  }
  return at;
}

function writeString(buffer: Buffer, at: number, text: string): number {
  const length = buffer.write(text, at + 2);
  writeUint16(buffer, at, length);
  return at + 2 + length;
}

function writeUint16(buffer: Buffer, at: number, value: number): number {
  buffer[at] = value >> 8;
  buffer[at + 1] = value & 0xff;
  return at + 2;
}
