/** Bytes of a Variable Byte Integer (1.5.5), 1 to 4. */
export function sizeOfVarint(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}

/** Writes a Variable Byte Integer of at most 268,435,455; returns where the next byte goes. */
export function writeVarint(buffer: Buffer, at: number, value: number): number {
  while (value > 127) {
    buffer[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  buffer[at++] = value;
  return at;
}
