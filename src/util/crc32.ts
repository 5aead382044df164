import * as zlib from 'node:zlib';

/** Of each byte: for a text, and for a Node.js (before 20.15) whose zlib has no CRC-32 of its own. */
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xedb88320;
  return crc;
});

/** The CRC-32 of ISO 3309, as zlib has it, as a signed number of 32 bits. @param before that of what stands in front. */
export function crc32(bytes: Buffer, before = 0): number {
  const { crc32: native } = zlib as { crc32?: typeof zlib.crc32 };
  return native === undefined ? crc32InScript(bytes, before) : native(bytes, before >>> 0) | 0;
}

/** Bytes from which on the native one is worth a view of them. */
const MANY = 512;

/** Of some of the bytes: of few without a view, which is more to collect than they are. */
export function crc32Of(bytes: Buffer, start: number, end: number): number {
  if (end - start >= MANY) return crc32(bytes.subarray(start, end));
  let crc = -1;
  for (let at = start; at < end; at++) crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~crc;
}

/** The same, byte by byte. */
export function crc32InScript(bytes: Buffer, before = 0): number {
  let crc = ~before;
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  return ~crc;
}

/** Of a text by its character codes, folded to a byte each: for a short text, without a Buffer of it. */
export function crc32OfText(text: string): number {
  let crc = -1;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    crc = (crc >>> 8) ^ (TABLE[(crc ^ code ^ (code >>> 8)) & 0xff] ?? 0);
  }
  return ~crc;
}
