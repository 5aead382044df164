import { type MqttError, NotMqtt, type OtherProtocol, protocolError } from '../protocol/errors.ts';

/** CONNACK in the upper four bits of the first byte (2.1.2). */
const CONNACK = 2;

/** Types of TLS records that a server begins with: alert, and handshake; and the major version (RFC 8446, 5.1). */
const TLS_RECORDS: ReadonlySet<number | undefined> = new Set([21, 22]);
const TLS_MAJOR_VERSION = 3;

/**
 * Why what came in answer to CONNECT cannot be a CONNACK, if it cannot: by its first byte, which is enough.
 * @param server for the message: `mqtt://host:1883`.
 */
export function whyNoConnack(server: string, chunk: Buffer): MqttError | undefined {
  if ((chunk[0] ?? 0) >> 4 === CONNACK) return undefined;
  const spoken = spokenIn(chunk);
  const shown = describeStart(chunk);
  if (spoken !== undefined) return new NotMqtt(server, spoken, shown);
  return protocolError(`${server} answered CONNECT with ${shown} instead of CONNACK`);
}

/** What a peer speaks that says this first; undefined: MQTT, or what is not known here. */
export function spokenIn(chunk: Buffer): OtherProtocol | undefined {
  const start = chunk.subarray(0, 16).toString('latin1');
  if (/^HTTP\/|^<(!doctype|html)/i.test(start)) return 'http';
  if (start.startsWith('SSH-')) return 'ssh';
  return TLS_RECORDS.has(chunk[0]) && chunk[1] === TLS_MAJOR_VERSION ? 'tls' : undefined;
}

/** As text where it is one, such as that of a web server, or else as bytes. */
export function describeStart(chunk: Buffer): string {
  const start = chunk.subarray(0, 16);
  const text = start.toString('latin1').split(/[\r\n]/, 1)[0] ?? '';
  return text.length > 3 && /^[ -~]+$/.test(text) ? JSON.stringify(text) : `the bytes ${start.toString('hex')}`;
}
