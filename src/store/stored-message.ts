import type { Message, PacketId } from '../protocol/packet.ts';

/** What became of a message: the Server's Reason Code (0 for QoS 0 and before MQTT 5), or the error. Called once. */
export type Settle = (error: Error | undefined, reasonCode: number) => void;

/**
 * How far an outgoing message is (4.3): accepted without a packet id, sent as PUBLISH, or sent as PUBREL.
 * `released` replaces `published`: [MQTT-4.3.3-6] the PUBLISH is never sent again. `order` rises with each PUBREC:
 * PUBRELs are sent again in that order [MQTT-4.6.0-4]. `abandoned`: nobody waits for the message any more, and a PUBREL
 * only makes the Server forget its id, which would otherwise turn a new message under it into a repetition.
 */
export type OutgoingState =
  | { readonly step: 'queued' }
  | { readonly step: 'published'; readonly packetId: PacketId }
  | {
      readonly step: 'released';
      readonly packetId: PacketId;
      readonly order: number;
      /** The Server may have begun a session since, in which it knows nothing of this one. */
      readonly doubtful?: true;
    }
  | { readonly step: 'abandoned'; readonly packetId: PacketId; readonly order: number };

/** One accepted message. */
export interface StoredMessage {
  /** Rises with every accepted message: the order of sending, and the key of the record. */
  readonly sequence: number;
  readonly message: Message;
  /** Milliseconds of `Clock.now`. */
  readonly acceptedAt: number;
  /** When the message is not sent any more, from its Message Expiry Interval or for us: milliseconds of `Clock.now`. */
  readonly expiresAt: number | undefined;
  readonly state: OutgoingState;
  /** Who waits for the outcome; a store that outlives the process cannot keep it. */
  readonly settle?: Settle | undefined;
}
