import type { MessageProperties, QoS, UserProperties } from '../../src/index.ts';
import { tick } from './tick.ts';

/**
 * Readers for values as flows store them: Node-RED's editor saves numbers and ticks as text, and older flows lack fields.
 * None of them throws: a field that makes no sense is as good as missing.
 */

export function flag(value: unknown, fallback: boolean): boolean {
  return tick(value) ?? fallback;
}

/** A whole number in the range, or undefined. */
export function whole(value: unknown, lowest: number, highest: number): number | undefined {
  if (typeof value !== 'number' && (typeof value !== 'string' || value.trim() === '')) return undefined;
  const number = Math.trunc(Number(value));
  return number >= lowest && number <= highest ? number : undefined;
}

export function qosOf(value: unknown): QoS | undefined {
  return whole(value, 0, 2) as QoS | undefined;
}

/** A text that is not empty, or undefined. */
export function filled(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export const HIGHEST_UINT32 = 0xffffffff;

/** User properties from an object, or from JSON text of one: values that are not text are written as JSON, lists repeat a name. */
export function userPropertiesOf(value: unknown): UserProperties | undefined {
  const object = typeof value === 'string' ? parseObject(value) : value;
  if (typeof object !== 'object' || object === null || Buffer.isBuffer(object)) return undefined;
  const pairs = Object.entries(object).flatMap(([name, entry]) =>
    (Array.isArray(entry) && entry.every((item) => typeof item === 'string') ? entry : [entry])
      .map(asText)
      .filter((text) => text !== undefined)
      .map((text) => [name, text] as const),
  );
  return pairs.length === 0 ? undefined : pairs;
}

/** Properties under the names that Node-RED's message objects and stored birth, close and will messages use. */
export interface PropertySource {
  readonly payloadFormatIndicator?: unknown;
  readonly messageExpiryInterval?: unknown;
  readonly responseTopic?: unknown;
  readonly correlationData?: unknown;
  readonly userProperties?: unknown;
  readonly contentType?: unknown;
}

/** The MQTT 5 properties that make sense, or undefined if there are none. */
export function propertiesOf(source: PropertySource): MessageProperties | undefined {
  const payloadFormatIndicator = tick(source.payloadFormatIndicator);
  const messageExpiryInterval = whole(source.messageExpiryInterval, 0, HIGHEST_UINT32);
  const responseTopic = filled(source.responseTopic);
  const correlationData = bufferOf(source.correlationData);
  const userProperties = userPropertiesOf(source.userProperties);
  const contentType = filled(source.contentType);
  const isEmpty =
    payloadFormatIndicator === undefined &&
    messageExpiryInterval === undefined &&
    responseTopic === undefined &&
    correlationData === undefined &&
    userProperties === undefined &&
    contentType === undefined;
  // Most messages have none: then nothing is made for them.
  if (isEmpty) return undefined;
  return {
    ...(payloadFormatIndicator !== undefined && { payloadFormatIndicator }),
    ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData }),
    ...(userProperties !== undefined && { userProperties }),
    ...(contentType !== undefined && { contentType }),
  };
}

/**
 * A payload of any kind as MQTT carries it: nothing is empty, an object is JSON, everything else its text. Bytes are the
 * flow's own.
 */
export function payloadOf(value: unknown): string | Buffer {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  // An object whose own `toJSON` gives nothing is empty.
  if (typeof value === 'object') return JSON.stringify(value) ?? '';
  return asText(value) ?? '';
}

function bufferOf(value: unknown): Buffer | undefined {
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  return typeof value === 'string' && value !== '' ? Buffer.from(value) : undefined;
}

function parseObject(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A text that is no JSON says nothing; the editor told the person when it was entered.
    return undefined;
  }
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    // A value that refers to itself has no text: the property is left out, as Node-RED's own nodes do.
    return undefined;
  }
}
