import { isUtf8 } from 'node:buffer';
import { malformed } from '../protocol/errors.ts';

/** Reads the data types of section 1.5 inside one packet, never past its end. One reader serves all packets in turn. */
export class Reader {
  #buffer: Buffer = Buffer.alloc(0);
  #offset = 0;
  #end = 0;

  reset(buffer: Buffer, offset: number, end: number): void {
    this.#buffer = buffer;
    this.#offset = offset;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  byte(): number {
    return this.#buffer[this.#take(1)] ?? 0;
  }

  uint16(): number {
    const at = this.#take(2);
    return ((this.#buffer[at] ?? 0) << 8) | (this.#buffer[at + 1] ?? 0);
  }

  uint32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  /** Variable Byte Integer (1.5.5), at most four bytes and minimal [MQTT-1.5.5-1]. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw malformed('a Variable Byte Integer is not minimal');
        return value;
      }
    }
    throw malformed('a Variable Byte Integer has more than four bytes');
  }

  /** UTF-8 Encoded String: well-formed, without U+0000, a byte order mark kept [MQTT-1.5.4-1..3]. */
  string(): string {
    const length = this.uint16();
    const start = this.#take(length);
    const end = start + length;
    if (isPlainAscii(this.#buffer, start, end)) return this.#buffer.toString('latin1', start, end);
    if (!isUtf8(this.#buffer.subarray(start, end))) throw malformed('a string is not well-formed UTF-8');
    const text = this.#buffer.toString('utf8', start, end);
    if (text.includes('\0')) throw malformed('a string contains U+0000');
    return text;
  }

  /** Binary Data (1.5.6), copied: it outlives its packet. */
  binary(): Buffer {
    const length = this.uint16();
    const start = this.#take(length);
    return Buffer.from(this.#buffer.subarray(start, start + length));
  }

  /** Everything up to the packet's end, as a view. */
  rest(): Buffer {
    const start = this.#take(this.remaining);
    return this.#buffer.subarray(start, this.#end);
  }

  skip(length: number): void {
    this.#take(length);
  }

  #take(length: number): number {
    const start = this.#offset;
    if (start + length > this.#end) throw malformed('a field runs past the end of its packet');
    this.#offset = start + length;
    return start;
  }
}

/** True for bytes 0x01 to 0x7F only, which need no further check. Topics nearly always are. */
function isPlainAscii(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = buffer[at] ?? 0;
    if (byte === 0 || byte > 0x7f) return false;
  }
  return true;
}
