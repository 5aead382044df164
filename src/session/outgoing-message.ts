import type { AckCommand, Message, PacketId } from '../protocol/packet.ts';
import type { OutgoingState, Settle, StoredMessage } from '../store/session-store.ts';

/** An accepted message on its way out. */
export interface OutgoingMessage extends StoredMessage {
  /** Without its content when it gave way to others. */
  message: Message;
  state: OutgoingState;
  /** The store has it. */
  recorded: boolean;
  /** Who waits for its outcome; undefined: nobody any more, or an earlier client's. */
  settle?: Settle | undefined;
  /** Who waited for it may be gone, or was told that it is stored: a failure is told to a person too. */
  restored: boolean;
  /** An earlier client gave it, which may have sent it: at QoS 1 that is not on record. */
  readonly isEarlier: boolean;
  /** Whoever waits for its outcome was told. */
  settled: boolean;
  /** What it counts for in limits, as `sizeOf` counts it. */
  readonly size: number;
  /** Number of the connection that last carried its PUBLISH or PUBREL; tells a resend from a first send. */
  connection: number;
  /** Connections that the Server ended right behind this message alone. */
  hangUps: number;
}

/** Whether the Server may have it, though it waits to be sent. */
export function mayHaveLeft({ state, connection, isEarlier, message }: OutgoingMessage): boolean {
  return state.step !== 'queued' || connection > 0 || (isEarlier && message.qos === 1);
}

/** A packet that may be sent now. */
export type NextPacket =
  | {
      readonly cmd: 'publish';
      readonly entry: OutgoingMessage;
      readonly packetId: PacketId | undefined;
      readonly dup: boolean;
    }
  | NextAcknowledgement;

/** Answers that may wait for a Server that does not read them: one for each packet id. */
export const MOST_ANSWERS = 65_535;

export interface NextAcknowledgement {
  readonly cmd: AckCommand;
  readonly packetId: PacketId;
  readonly reasonCode: number;
}
