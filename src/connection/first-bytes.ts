/** CONNACK in the upper four bits of the first byte (2.1.2). */
const CONNACK = 2;

/** What came in answer to CONNECT, for a person, if it cannot be a CONNACK: by its first byte, which is enough. */
export function whyNoConnack(chunk: Buffer): string | undefined {
  const type = (chunk[0] ?? 0) >> 4;
  return type === CONNACK ? undefined : describeStart(chunk);
}

/** As text where it is one, such as that of a web server, or else as bytes. */
function describeStart(chunk: Buffer): string {
  const start = chunk.subarray(0, 16);
  const text = start.toString('latin1').split(/[\r\n]/, 1)[0] ?? '';
  return text.length > 3 && /^[ -~]+$/.test(text) ? JSON.stringify(text) : `the bytes ${start.toString('hex')}`;
}
