import { isUtf8 } from 'node:buffer';
import type { WaitingMessage } from '../../src/index.ts';
import { toObject } from './message.ts';

/** A message that waits, as a person gets it in a file: named as mqtt-out reads it. Bytes are in Base64. */
export interface ExportedMessage {
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  /** Text; what is none is in `payloadBase64`. */
  readonly payload?: string;
  readonly payloadBase64?: string;
  readonly responseTopic?: string;
  /** Base64. */
  readonly correlationData?: string;
  readonly contentType?: string;
  readonly messageExpiryInterval?: number;
  readonly userProperties?: Record<string, string | string[]>;
  /** ISO 8601. */
  readonly acceptedAt: string;
  /** The broker may have it. */
  readonly sent: boolean;
}

/** @param now milliseconds since 1970. */
export function exportedMessage({ message, age, mayHaveLeft }: WaitingMessage, now: number): ExportedMessage {
  const { topic, qos, retain, payload, properties = {} } = message;
  const { correlationData, userProperties, responseTopic, contentType, messageExpiryInterval } = properties;
  return {
    topic,
    qos,
    retain,
    ...(typeof payload === 'string' || isUtf8(payload)
      ? { payload: payload.toString() }
      : { payloadBase64: payload.toString('base64') }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData: correlationData.toString('base64') }),
    ...(contentType !== undefined && { contentType }),
    ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
    ...(userProperties !== undefined && { userProperties: toObject(userProperties) }),
    acceptedAt: new Date(now - age).toISOString(),
    sent: mayHaveLeft,
  };
}
