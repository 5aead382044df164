import type { Message, PacketId, QoS, SubscriptionOptions } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';

/**
 * How far an outgoing message is (4.3): accepted without a packet id, sent as PUBLISH, or sent as PUBREL.
 * `released` replaces `published`: [MQTT-4.3.3-6] the PUBLISH is never sent again.
 */
export type OutgoingState =
  | { readonly step: 'queued' }
  | { readonly step: 'published'; readonly packetId: PacketId }
  | { readonly step: 'released'; readonly packetId: PacketId };

/** One accepted message at QoS 1 or 2. */
export interface StoredMessage {
  /** Rises with every accepted message: the order of sending, and the key of the record. */
  readonly sequence: number;
  readonly message: Message;
  /** Milliseconds since the epoch after which the message is not sent any more, from its Message Expiry Interval. */
  readonly expiresAt: number | undefined;
  readonly state: OutgoingState;
}

/** A subscription that the Server granted and keeps with the session (4.1). */
export interface StoredSubscription {
  readonly filter: TopicFilter;
  /** Subscription Identifier, with which queued messages come (3.3.4); undefined where the Server has none. */
  readonly identifier: number | undefined;
  /** What was asked for. */
  readonly options: SubscriptionOptions;
  readonly granted: QoS;
}

export interface StoredSession {
  /** By rising sequence. */
  readonly outgoing: readonly StoredMessage[];
  /** Packet Identifiers of received QoS 2 messages that are not released yet (4.3.3). */
  readonly received: readonly PacketId[];
  readonly subscriptions: readonly StoredSubscription[];
}

/**
 * Where a session outlives its client: the accepted messages and the received QoS 2 packet ids (4.1).
 * The session calls it in protocol order, before the packet that a record is about may leave.
 */
export interface SessionStore {
  load(): StoredSession;
  /** Adds the record, or replaces the one of the same sequence. */
  save(message: StoredMessage): void;
  remove(sequence: number): void;
  saveReceived(packetId: PacketId): void;
  removeReceived(packetId: PacketId): void;
  /** Adds the subscription, or replaces the one to the same filter. */
  saveSubscription(record: StoredSubscription): void;
  removeSubscription(filter: TopicFilter): void;
}
