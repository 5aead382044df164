import { isUtf8 } from 'node:buffer';
import { MqttError, type PublishPacket } from '../../src/index.ts';

/** How an mqtt-in turns bytes into `msg.payload`; `auto` is the older form of `auto-detect`, which leaves JSON as text. */
export type Datatype = 'auto-detect' | 'auto' | 'buffer' | 'utf8' | 'json' | 'base64';

const DATATYPES: ReadonlySet<unknown> = new Set(['auto-detect', 'auto', 'buffer', 'utf8', 'json', 'base64']);

/** A stored datatype; missing or unknown ones are what Node-RED's own nodes take them for. */
export function datatypeOf(value: unknown, fallback: Datatype = 'utf8'): Datatype {
  return DATATYPES.has(value) ? (value as Datatype) : fallback;
}

type Kind = 'text' | 'json' | 'bytes';

/** Content types that say what the payload is. */
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...['text/css', 'text/html', 'text/plain', 'application/xml'].map((type) => [type, 'text'] as const),
  ['application/json', 'json'],
  ...['octet-stream', 'pdf', 'x-gtar', 'x-gzip', 'x-tar', 'zip', 'gtar', 'gzip', 'tar'].map(
    (type) => [`application/${type}`, 'bytes'] as const,
  ),
  ...['aac', 'ac3', 'basic', 'mp4', 'ogg'].map((type) => [`audio/${type}`, 'bytes'] as const),
  ...['bmp', 'gif', 'jpeg', 'tiff', 'png'].map((type) => [`image/${type}`, 'bytes'] as const),
]);

/** @throws {MqttError} `invalid-message`, when the payload is not what the datatype or its content type says. */
export function decodePayload(packet: PublishPacket, datatype: Datatype): unknown {
  switch (datatype) {
    case 'buffer':
      return copyOf(packet.payload);
    case 'base64':
      return packet.payload.toString('base64');
    case 'utf8':
      return textOfPayload(packet);
    case 'json':
      return json(packet);
    case 'auto':
    case 'auto-detect':
      return detect(packet, datatype === 'auto-detect');
  }
}

function detect(packet: PublishPacket, parse: boolean): unknown {
  const { contentType } = packet.properties ?? {};
  switch (contentType === undefined ? undefined : KINDS.get(contentType.toLowerCase())) {
    case 'text':
      return textOfPayload(packet);
    case 'bytes':
      return copyOf(packet.payload);
    case 'json':
      return parse ? parsed(packet) : (parsed(packet), textOfPayload(packet));
    case undefined:
      return guess(packet, parse);
  }
}

function guess(packet: PublishPacket, parse: boolean): unknown {
  if (!isText(packet)) return copyOf(packet.payload);
  const text = textOfPayload(packet);
  return parse ? jsonOrText(text) : text;
}

function json(packet: PublishPacket): unknown {
  if (!isText(packet))
    throw new MqttError('invalid-message', `payload on ${packet.topic} is not UTF-8, so it is no JSON`);
  return parsed(packet);
}

function parsed(packet: PublishPacket): unknown {
  try {
    return JSON.parse(textOfPayload(packet)) as unknown;
  } catch (error) {
    throw new MqttError('invalid-message', `payload on ${packet.topic} is not valid JSON`, { cause: error });
  }
}

/** A JSON text that is one number or one word; the white space is JSON's own, which is less than that of `\s` and `trim`. */
const NUMBER = /^[ \t\r\n]*-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?[ \t\r\n]*$/;
const WORD = /^[ \t\r\n]*(?:true|false|null)[ \t\r\n]*$/;

/** Most text is no JSON, and an exception for each of them would cost more than all the rest of a message. */
function jsonOrText(text: string): unknown {
  const start = text.trimStart()[0];
  if (start === '{' || start === '[' || start === '"') return parsedOrText(text);
  if (NUMBER.test(text)) return Number(text);
  return WORD.test(text) ? JSON.parse(text) : text;
}

function parsedOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // It only looked like JSON; nobody said that it is.
    return text;
  }
}

function isText({ payload, properties }: PublishPacket): boolean {
  return properties?.payloadFormatIndicator === true || isUtf8(payload);
}

/** Above this a text is not kept for the next node: what is kept here stays until the next message. */
const LARGEST_SHARED_TEXT = 65_536;

let lastPacket: PublishPacket | undefined;
let lastText = '';

/** All nodes that get a message get it in one turn, one after the other: the text is made once for all. */
function textOfPayload(packet: PublishPacket): string {
  if (packet === lastPacket) return lastText;
  const text = packet.payload.toString('utf8');
  if (text.length <= LARGEST_SHARED_TEXT) {
    lastPacket = packet;
    lastText = text;
  }
  return text;
}

/** A copy for each node, so that none changes another's, and none keeps the socket's 64 KiB chunk alive. */
function copyOf(payload: Buffer): Buffer {
  return Buffer.from(payload);
}
