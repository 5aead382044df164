import type { TopicFilter, TopicName } from './topic.ts';

/** Protocol level on the wire: 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type ProtocolVersion = 3 | 4 | 5;

export type QoS = 0 | 1 | 2;

/** When the Server sends retained messages for a subscription (3.8.3.1): always, only if it is new, never. */
export type RetainHandling = 0 | 1 | 2;

declare const brand: unique symbol;

/** 1 to 65,535 (2.2.1). */
export type PacketId = number & { readonly [brand]: 'PacketId' };

/** Name and value pairs in the order of the wire; a name may repeat (3.3.2.3.7). */
export type UserProperties = readonly (readonly [name: string, value: string])[];

/** Properties of a PUBLISH that the application sees (3.3.2.3). */
export interface MessageProperties {
  /** True: the payload is UTF-8 text. */
  readonly payloadFormatIndicator?: boolean;
  /** Seconds. */
  readonly messageExpiryInterval?: number;
  readonly responseTopic?: string;
  readonly correlationData?: Buffer;
  readonly userProperties?: UserProperties;
  readonly contentType?: string;
}

export interface PublishProperties extends MessageProperties {
  readonly topicAlias?: number;
  readonly subscriptionIdentifiers?: readonly number[];
}

/** Of a message on its way out: text is sent as UTF-8. */
export type Payload = string | Buffer;

/** Bytes of it on the wire. */
export function payloadBytes(payload: Payload): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
}

/** An application message on its way out. */
export interface Message {
  readonly topic: TopicName;
  readonly payload: Payload;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: MessageProperties | undefined;
}

export interface PublishPacket {
  readonly cmd: 'publish';
  /** Empty only on the wire, where a topic alias stands for it. */
  readonly topic: string;
  /** Valid until the turn behind this one is over: its memory is used again then. Whoever keeps it copies it. */
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  /** Present at QoS 1 and 2. */
  readonly packetId: PacketId | undefined;
  readonly properties: PublishProperties | undefined;
}

/** A PUBLISH that leaves. */
export interface OutgoingPublish extends Omit<PublishPacket, 'payload'> {
  readonly payload: Payload;
}

export type AckCommand = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';

export interface AckPacket {
  readonly cmd: AckCommand;
  readonly packetId: PacketId;
  readonly reasonCode: number;
  readonly reasonString?: string | undefined;
}

/** What a CONNACK's properties say (3.2.2.3), by their names in the specification. */
export interface ConnackProperties {
  readonly sessionExpiryInterval?: number;
  readonly receiveMaximum?: number;
  readonly maximumQoS?: 0 | 1;
  readonly retainAvailable?: boolean;
  readonly maximumPacketSize?: number;
  readonly assignedClientIdentifier?: string;
  readonly topicAliasMaximum?: number;
  readonly reasonString?: string;
  readonly userProperties?: UserProperties;
  readonly wildcardSubscriptionAvailable?: boolean;
  readonly subscriptionIdentifiersAvailable?: boolean;
  readonly sharedSubscriptionAvailable?: boolean;
  readonly serverKeepAlive?: number;
  readonly responseInformation?: string;
  readonly serverReference?: string;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Buffer;
}

export interface ConnackPacket {
  readonly cmd: 'connack';
  readonly sessionPresent: boolean;
  /** As MQTT 5.0 numbers them; the return codes of 3.1.1 are translated. */
  readonly reasonCode: number;
  readonly properties: ConnackProperties;
}

interface Answer {
  readonly packetId: PacketId;
  /** One per filter, in the order of the request; empty for an UNSUBACK of 3.1.1. */
  readonly reasonCodes: readonly number[];
  readonly reasonString?: string | undefined;
}

export interface SubackPacket extends Answer {
  readonly cmd: 'suback';
}

export interface UnsubackPacket extends Answer {
  readonly cmd: 'unsuback';
}

export interface DisconnectPacket {
  readonly cmd: 'disconnect';
  readonly reasonCode: number;
  readonly properties: DisconnectProperties;
}

export interface DisconnectProperties {
  /** Seconds; only from Client to Server. */
  readonly sessionExpiryInterval?: number;
  readonly reasonString?: string;
  readonly userProperties?: UserProperties;
  readonly serverReference?: string;
}

export interface AuthPacket {
  readonly cmd: 'auth';
  readonly reasonCode: number;
}

export interface PingPacket {
  readonly cmd: 'pingreq' | 'pingresp';
}

/** What a Server sends. */
export type ServerPacket =
  | AckPacket
  | AuthPacket
  | ConnackPacket
  | DisconnectPacket
  | PingPacket
  | PublishPacket
  | SubackPacket
  | UnsubackPacket;

/** The Will Message (3.1.2.5) with its properties (3.1.3.2). */
export interface Will extends Message {
  /** Seconds between the loss of the connection and the Will (3.1.3.2.2). Default 0. */
  readonly willDelayInterval?: number | undefined;
}

/** What the CONNECT's properties can say (3.1.2.11). */
export interface ConnectProperties {
  /** Seconds; 0xFFFFFFFF: never. */
  readonly sessionExpiryInterval?: number;
  readonly receiveMaximum?: number;
  readonly maximumPacketSize?: number;
  readonly topicAliasMaximum?: number;
  readonly requestResponseInformation?: boolean;
  readonly requestProblemInformation?: boolean;
  readonly userProperties?: UserProperties;
}

export interface ConnectPacket {
  readonly cmd: 'connect';
  readonly protocolVersion: ProtocolVersion;
  readonly clientId: string;
  readonly cleanStart: boolean;
  /** Seconds; 0: off. */
  readonly keepAlive: number;
  readonly username?: string | undefined;
  readonly password?: string | Buffer | undefined;
  readonly will?: Will | undefined;
  readonly properties?: ConnectProperties | undefined;
}

export interface SubscriptionOptions {
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
}

export interface SubscribePacket {
  readonly cmd: 'subscribe';
  readonly packetId: PacketId;
  readonly subscriptions: readonly (SubscriptionOptions & { readonly filter: TopicFilter })[];
  readonly subscriptionIdentifier?: number | undefined;
  readonly userProperties?: UserProperties | undefined;
}

export interface UnsubscribePacket {
  readonly cmd: 'unsubscribe';
  readonly packetId: PacketId;
  readonly filters: readonly TopicFilter[];
}

/** What a Client sends through `mqtt-packet`; PUBLISH and its acknowledgements have a direct path. */
export type ControlPacket =
  ConnectPacket | DisconnectPacket | SubscribePacket | UnsubscribePacket | { readonly cmd: 'pingreq' };
