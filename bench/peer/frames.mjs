/**
 * Cuts a stream of bytes into control packets.
 *
 * @param {(bytes: Buffer, start: number, body: number, end: number) => void} receive called with where a packet
 *   starts, where what follows its fixed header starts, and where it ends
 * @returns {(chunk: Buffer) => void} to be called with what the socket reads
 */
export function frames(receive) {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (;;) {
      const header = fixedHeader(bytes, start);
      if (header === undefined || header.end > bytes.length) {
        break;
      }
      receive(bytes, start, header.body, header.end);
      start = header.end;
    }
    rest = bytes.subarray(start);
  };
}

function fixedHeader(bytes, start) {
  let length = 0;
  for (let index = start + 1, shift = 0; index < bytes.length; index += 1, shift += 7) {
    length |= (bytes[index] & 0x7f) << shift;
    if (bytes[index] < 0x80) {
      return { body: index + 1, end: index + 1 + length };
    }
  }
  return undefined;
}
