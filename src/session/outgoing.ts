import type { Message, PacketId } from '../protocol/packet.ts';
import type { OutgoingState, StoredMessage } from '../store/session-store.ts';

/** What became of a message: the Server's Reason Code (0 for QoS 0 and before MQTT 5), or the error. Called once. */
export type Settle = (error: Error | undefined, reasonCode: number) => void;

/** An accepted message on its way out. */
export interface Outgoing extends StoredMessage {
  state: OutgoingState;
  readonly settle: Settle;
  /** Number of the connection that last carried its PUBLISH or PUBREL; tells a resend from a first send. */
  connection: number;
}

/** Bytes that a message counts for in limits: topic and payload. */
export function sizeOf(message: Message): number {
  return message.topic.length + message.payload.length;
}

/** A PUBLISH or PUBREL that may be sent now. */
export type NextPacket =
  | {
      readonly cmd: 'publish';
      readonly entry: Outgoing;
      readonly packetId: PacketId | undefined;
      readonly dup: boolean;
    }
  | { readonly cmd: 'pubrel'; readonly packetId: PacketId };
