import type { PublishPacket, PublishRequest, QoS, UserProperties } from '../../src/index.ts';
import { type Datatype, decodePayload } from './decode.ts';
import { filled, flag, payloadOf, propertiesOf, qosOf } from './stored.ts';

/** What mqtt-in sends: the properties of MQTT 5 only where the message has them. */
export type IncomingMsg = {
  _msgid?: string;
  topic: string;
  payload: unknown;
  qos: QoS;
  retain: boolean;
  /** The topic once more, only from a broker on this host. */
  _topic?: string;
  responseTopic?: string;
  correlationData?: Buffer;
  contentType?: string;
  messageExpiryInterval?: number;
  payloadFormatIndicator?: boolean;
  userProperties?: Record<string, string | string[]>;
  /** By which a flow says that it is done with the message, where the mqtt-in waits for that. */
  delivery?: unknown;
};

/**
 * @param local the broker is `localhost` or `127.0.0.1`.
 * @throws {MqttError} `invalid-message`, when the payload is not what the datatype says.
 */
export function toMsg(packet: PublishPacket, datatype: Datatype, local: boolean): IncomingMsg {
  const { topic, qos, retain, properties } = packet;
  const msg: IncomingMsg = { topic, payload: decodePayload(packet, datatype), qos, retain };
  if (local) msg._topic = topic;
  if (properties === undefined) return msg;
  if (properties.responseTopic !== undefined) msg.responseTopic = properties.responseTopic;
  if (properties.correlationData !== undefined) msg.correlationData = Buffer.from(properties.correlationData);
  if (properties.contentType !== undefined) msg.contentType = properties.contentType;
  if (properties.messageExpiryInterval !== undefined) msg.messageExpiryInterval = properties.messageExpiryInterval;
  if (properties.payloadFormatIndicator !== undefined) msg.payloadFormatIndicator = properties.payloadFormatIndicator;
  if (properties.userProperties !== undefined) msg.userProperties = toObject(properties.userProperties);
  return msg;
}

/** What an mqtt-out takes from its own settings; undefined where the message decides. */
export interface OutDefaults {
  readonly topic: string | undefined;
  readonly qos: QoS | undefined;
  readonly retain: boolean | undefined;
  readonly responseTopic: string | undefined;
  readonly correlationData: string | undefined;
  readonly contentType: string | undefined;
  readonly messageExpiryInterval: unknown;
  readonly userProperties: UserProperties | undefined;
}

/** Properties of a message that mqtt-out reads. */
export interface OutgoingMsg {
  readonly topic?: unknown;
  readonly payload?: unknown;
  readonly qos?: unknown;
  readonly retain?: unknown;
  readonly responseTopic?: unknown;
  readonly correlationData?: unknown;
  readonly contentType?: unknown;
  readonly messageExpiryInterval?: unknown;
  readonly userProperties?: unknown;
  readonly payloadFormatIndicator?: unknown;
  readonly topicAlias?: unknown;
}

/**
 * The node's settings win over the message, as in Node-RED's own nodes. The properties are for MQTT 5 only. The request
 * holds nothing of the message that a flow could still change, but its payload, which the client copies.
 */
export function toRequest(msg: OutgoingMsg, own: OutDefaults, mqtt5: boolean): PublishRequest {
  const topic = own.topic ?? filled(msg.topic);
  const payload = payloadOf(msg.payload);
  const qos = own.qos ?? qosOf(msg.qos) ?? 0;
  const retain = own.retain ?? flag(msg.retain, false);
  if (!mqtt5) return { topic: topic ?? '', payload, qos, retain };
  const responseTopic = own.responseTopic ?? filled(msg.responseTopic);
  const properties = propertiesOf({
    payloadFormatIndicator: msg.payloadFormatIndicator,
    messageExpiryInterval: own.messageExpiryInterval ?? msg.messageExpiryInterval,
    correlationData: own.correlationData ?? msg.correlationData,
    contentType: own.contentType ?? msg.contentType,
    userProperties: own.userProperties === undefined ? msg.userProperties : toObject(own.userProperties),
    // An answer to a request goes to its response topic, and names none itself.
    responseTopic: topic === undefined ? undefined : responseTopic,
  });
  return { topic: topic ?? responseTopic ?? '', payload, qos, retain, properties };
}

/** A name that occurs more than once becomes a list, in order. */
export function toObject(pairs: UserProperties): Record<string, string | string[]> {
  const entries = new Map<string, string | string[]>();
  for (const [name, value] of pairs) {
    const earlier = entries.get(name);
    if (Array.isArray(earlier)) earlier.push(value);
    else entries.set(name, earlier === undefined ? value : [earlier, value]);
  }
  // `fromEntries` defines properties: a user property called __proto__ is one like any other.
  return Object.fromEntries(entries);
}
