/**
 * The Server's side of the wire, written apart from the client's codec: what both get wrong in the same way would not show.
 * It knows the packets and properties that a simulation uses.
 */
import type { ProtocolVersion, QoS } from '../../src/index.ts';

export type AckCommand = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';

export interface Ack {
  readonly cmd: AckCommand;
  readonly packetId: number;
  readonly code: number;
}

export interface Publish {
  readonly cmd: 'publish';
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 0 at QoS 0. */
  readonly packetId: number;
  /** The payload up to its padding. */
  readonly label: string;
}

export interface Connect {
  readonly cmd: 'connect';
  readonly version: ProtocolVersion;
  readonly clean: boolean;
  readonly clientId: string;
  /** Seconds. */
  readonly keepAlive: number;
  /** Seconds; before MQTT 5 none, or for ever. */
  readonly expiry: number;
  readonly receiveMaximum: number;
}

export interface WantedFilter {
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: number;
}

export interface Subscribe {
  readonly cmd: 'subscribe';
  readonly packetId: number;
  /** 0: none. */
  readonly identifier: number;
  readonly filters: readonly WantedFilter[];
}

export interface Unsubscribe {
  readonly cmd: 'unsubscribe';
  readonly packetId: number;
  readonly filters: readonly string[];
}

export interface Disconnect {
  readonly cmd: 'disconnect';
  readonly code: number;
}

/** What a Client sends. */
export type ClientPacket = Ack | Connect | Disconnect | Publish | Subscribe | Unsubscribe | { readonly cmd: 'pingreq' };

const LONGEST_LABEL = 16;

/** Makes packets of what a client writes. */
export class ClientPackets {
  #rest = Buffer.alloc(0);
  #offset = 0;
  #version: ProtocolVersion = 5;

  /** Calls `take` with each whole packet and the offset of its end in the stream. */
  push(chunk: Buffer, take: (packet: ClientPacket, end: number) => void): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (;;) {
      const end = frameEnd(bytes, start);
      if (end === undefined) break;
      const packet = new Body(bytes, start, end, this.#version).packet();
      if (packet.cmd === 'connect') this.#version = packet.version;
      take(packet, this.#offset + end);
      start = end;
    }
    this.#rest = start === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(start));
    this.#offset += start;
  }
}

/** Where the packet at `start` ends, if all of it is there. */
function frameEnd(bytes: Buffer, start: number): number | undefined {
  let length = 0;
  for (let at = start + 1, shift = 0; at < bytes.length; at++, shift += 7) {
    const byte = bytes[at] ?? 0;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return at + 1 + length <= bytes.length ? at + 1 + length : undefined;
  }
  return undefined;
}

class Body {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #first: number;
  readonly #version: ProtocolVersion;
  #at: number;
  #receiveMaximum = 65_535;
  #expiry = 0;
  #identifier = 0;

  constructor(bytes: Buffer, start: number, end: number, version: ProtocolVersion) {
    this.#bytes = bytes;
    this.#first = bytes[start] ?? 0;
    this.#at = start + 1;
    this.#end = end;
    this.#version = version;
    this.#varint();
  }

  packet(): ClientPacket {
    switch (this.#first >> 4) {
      case 1:
        return this.#connect();
      case 3:
        return this.#publish();
      case 4:
        return this.#ack('puback');
      case 5:
        return this.#ack('pubrec');
      case 6:
        return this.#ack('pubrel');
      case 7:
        return this.#ack('pubcomp');
      case 8:
        return this.#subscribe();
      case 10:
        return this.#unsubscribe();
      case 12:
        return { cmd: 'pingreq' };
      case 14:
        return { cmd: 'disconnect', code: this.#at < this.#end ? this.#byte() : 0 };
      default:
        throw new Error(`the client sent a packet of type ${this.#first >> 4}`);
    }
  }

  #connect(): Connect {
    this.#text();
    const version = this.#byte() as ProtocolVersion;
    const flags = this.#byte();
    const keepAlive = this.#word();
    if (version === 5) this.#properties();
    const clean = (flags & 2) !== 0;
    const expiry = version === 5 ? this.#expiry : clean ? 0 : 0xffffffff;
    const clientId = this.#text();
    return { cmd: 'connect', version, clean, clientId, keepAlive, expiry, receiveMaximum: this.#receiveMaximum };
  }

  #publish(): Publish {
    const qos = ((this.#first >> 1) & 3) as QoS;
    const topic = this.#text();
    const packetId = qos > 0 ? this.#word() : 0;
    if (this.#version === 5) this.#properties();
    const label = labelOf(this.#bytes.subarray(this.#at, this.#end));
    const dup = (this.#first & 8) !== 0;
    return { cmd: 'publish', topic, qos, retain: (this.#first & 1) !== 0, dup, packetId, label };
  }

  #ack(cmd: AckCommand): Ack {
    const packetId = this.#word();
    return { cmd, packetId, code: this.#at < this.#end ? this.#byte() : 0 };
  }

  #subscribe(): Subscribe {
    const packetId = this.#word();
    if (this.#version === 5) this.#properties();
    const filters: WantedFilter[] = [];
    while (this.#at < this.#end) {
      const filter = this.#text();
      const options = this.#byte();
      filters.push({
        filter,
        qos: (options & 3) as QoS,
        noLocal: (options & 4) !== 0,
        retainAsPublished: (options & 8) !== 0,
        retainHandling: (options >> 4) & 3,
      });
    }
    return { cmd: 'subscribe', packetId, identifier: this.#identifier, filters };
  }

  #unsubscribe(): Unsubscribe {
    const packetId = this.#word();
    if (this.#version === 5) this.#properties();
    const filters: string[] = [];
    while (this.#at < this.#end) filters.push(this.#text());
    return { cmd: 'unsubscribe', packetId, filters };
  }

  #properties(): void {
    const length = this.#varint();
    const end = this.#at + length;
    while (this.#at < end) this.#property(this.#byte());
  }

  #property(id: number): void {
    switch (id) {
      case 0x01:
      case 0x17:
      case 0x19:
        this.#byte();
        return;
      case 0x02:
      case 0x27:
        this.#at += 4;
        return;
      case 0x11:
        this.#expiry = this.#bytes.readUInt32BE(this.#at);
        this.#at += 4;
        return;
      case 0x0b:
        this.#identifier = this.#varint();
        return;
      case 0x21:
        this.#receiveMaximum = this.#word();
        return;
      case 0x22:
      case 0x23:
        this.#word();
        return;
      case 0x03:
      case 0x08:
      case 0x09:
      case 0x1f:
        this.#text();
        return;
      case 0x26:
        this.#text();
        this.#text();
        return;
      default:
        throw new Error(`the client sent a property ${id}`);
    }
  }

  #byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  #word(): number {
    return (this.#byte() << 8) | this.#byte();
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  #text(): string {
    const length = this.#word();
    const text = this.#bytes.toString('latin1', this.#at, this.#at + length);
    this.#at += length;
    return text;
  }
}

/** The name of a message: its payload up to the padding. */
export function labelOf(payload: Buffer): string {
  const text = payload.toString('latin1', 0, Math.min(payload.length, LONGEST_LABEL));
  const end = text.indexOf('.');
  return end < 0 ? text : text.slice(0, end);
}

export interface ConnackFields {
  readonly sessionPresent: boolean;
  readonly code: number;
  /** 65,535: not told. */
  readonly receiveMaximum: number;
  readonly identifiers: boolean;
}

/** Makes the bytes of what a Server sends on one connection. */
export class ServerPackets {
  readonly #mqtt5: boolean;

  constructor(version: ProtocolVersion) {
    this.#mqtt5 = version === 5;
  }

  connack({ sessionPresent, code, receiveMaximum, identifiers }: ConnackFields): Buffer {
    const flags = sessionPresent ? 1 : 0;
    if (!this.#mqtt5) return Buffer.from([0x20, 2, flags, code]);
    const properties: number[] = [];
    if (receiveMaximum < 65_535) properties.push(0x21, receiveMaximum >> 8, receiveMaximum & 0xff);
    if (!identifiers) properties.push(0x29, 0);
    return Buffer.from([0x20, 3 + properties.length, flags, code, properties.length, ...properties]);
  }

  publish(packet: Publish, identifiers: readonly number[]): Buffer {
    const { topic, label, qos, packetId } = packet;
    const properties = this.#mqtt5 ? identifiers.flatMap((identifier) => [0x0b, ...varint(identifier)]) : [];
    const length = 2 + topic.length + (qos > 0 ? 2 : 0) + (this.#mqtt5 ? 1 + properties.length : 0) + label.length;
    const head = varint(length);
    const bytes = Buffer.allocUnsafe(1 + head.length + length);
    let at = 0;
    bytes[at++] = 0x30 | (packet.dup ? 8 : 0) | (qos << 1) | (packet.retain ? 1 : 0);
    for (const byte of head) bytes[at++] = byte;
    bytes[at++] = topic.length >> 8;
    bytes[at++] = topic.length & 0xff;
    at += bytes.write(topic, at, 'latin1');
    if (qos > 0) {
      bytes[at++] = packetId >> 8;
      bytes[at++] = packetId & 0xff;
    }
    if (this.#mqtt5) {
      bytes[at++] = properties.length;
      for (const byte of properties) bytes[at++] = byte;
    }
    bytes.write(label, at, 'latin1');
    return bytes;
  }

  ack({ cmd, packetId, code }: Ack): Buffer {
    const first = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 }[cmd];
    if (this.#mqtt5 && code !== 0) return Buffer.from([first, 3, packetId >> 8, packetId & 0xff, code]);
    return Buffer.from([first, 2, packetId >> 8, packetId & 0xff]);
  }

  suback(packetId: number, codes: readonly number[]): Buffer {
    return this.#answer(0x90, packetId, codes);
  }

  unsuback(packetId: number, codes: readonly number[]): Buffer {
    return this.#answer(0xb0, packetId, this.#mqtt5 ? codes : []);
  }

  pingresp(): Buffer {
    return Buffer.from([0xd0, 0]);
  }

  disconnect(code: number): Buffer {
    return Buffer.from([0xe0, 1, code]);
  }

  #answer(first: number, packetId: number, codes: readonly number[]): Buffer {
    const body = [packetId >> 8, packetId & 0xff, ...(this.#mqtt5 ? [0] : []), ...codes];
    return Buffer.from([first, body.length, ...body]);
  }
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  do {
    const rest = value >>> 7;
    bytes.push((value & 0x7f) | (rest > 0 ? 0x80 : 0));
    value = rest;
  } while (value > 0);
  return bytes;
}
