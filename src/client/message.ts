import { MqttError } from '../protocol/errors.ts';
import type { Message, MessageProperties, Payload, QoS } from '../protocol/packet.ts';
import { ownText } from '../util/own-text.ts';
import { parseTopicName, whyNotEncodable } from '../protocol/topic.ts';

/** Characters. Longer text is kept as bytes: to copy it as text would cost more. */
const LONGEST_TEXT = 131_072;

/** A message as an application gives it. */
export interface PublishRequest {
  readonly topic: string;
  /** Text is sent as UTF-8. A Buffer may be used again when `publish` has returned. */
  readonly payload: string | Buffer;
  /** Default 0. */
  readonly qos?: QoS;
  /** Default false. */
  readonly retain?: boolean;
  /** Their Correlation Data is not to be changed until the message is settled. */
  readonly properties?: MessageProperties | undefined;
}

/** The message, with a copy of the payload. @throws {MqttError} `invalid-topic` or `invalid-message`, naming the field and what is wrong with it. */
export function parseMessage(request: PublishRequest): Message {
  const { payload, qos = 0, retain = false, properties } = request;
  const topic = parseTopicName(request.topic);
  if (qos !== 0 && qos !== 1 && qos !== 2) throw invalid(topic, `its QoS is ${String(qos)}, it must be 0, 1 or 2`);
  if (properties !== undefined) checkProperties(topic, properties);
  return { topic, payload: own(payload), qos, retain, properties: properties && ownProperties(properties) };
}

/** Bytes of a Buffer may be changed by whoever gave it; a text may be a part of one that is a thousand times as long. */
function own(payload: Payload): Payload {
  if (typeof payload !== 'string') return Buffer.from(payload);
  return payload.length > LONGEST_TEXT ? Buffer.from(payload) : ownText(payload);
}

/** The texts of the properties as well may be cut out of something long. */
function ownProperties(properties: MessageProperties): MessageProperties {
  const { contentType, responseTopic, userProperties } = properties;
  return {
    ...properties,
    ...(contentType !== undefined && { contentType: ownText(contentType) }),
    ...(responseTopic !== undefined && { responseTopic: ownText(responseTopic) }),
    ...(userProperties !== undefined && {
      userProperties: userProperties.map(([name, value]) => [ownText(name), ownText(value)] as const),
    }),
  };
}

function checkProperties(topic: string, properties: MessageProperties): void {
  const { messageExpiryInterval: expiry, correlationData, contentType, responseTopic, userProperties } = properties;
  if (expiry !== undefined && !(Number.isInteger(expiry) && expiry >= 0 && expiry <= 0xffffffff)) {
    throw invalid(topic, `its message expiry is ${expiry}, it must be a whole number of seconds up to 4294967295`);
  }
  if (correlationData !== undefined && correlationData.length > 65_535) {
    throw invalid(topic, `its correlation data has ${correlationData.length} bytes, at most 65535 are allowed`);
  }
  if (contentType !== undefined) checkText(topic, 'content type', contentType);
  if (responseTopic !== undefined) parseTopicName(responseTopic);
  for (const [name, value] of userProperties ?? []) {
    checkText(topic, 'user property', name);
    checkText(topic, `user property "${name}"`, value);
  }
}

function checkText(topic: string, what: string, text: string): void {
  const problem = whyNotEncodable(text);
  if (problem !== undefined) throw invalid(topic, `its ${what} ${problem}`);
}

function invalid(topic: string, problem: string): MqttError {
  return new MqttError('invalid-message', `the message to ${topic} cannot be sent: ${problem}`);
}
