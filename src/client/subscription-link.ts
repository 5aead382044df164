import type { ServerLimits } from '../connection/server-limits.ts';
import type { PacketId, SubscribePacket, UnsubscribePacket } from '../protocol/packet.ts';
import type { PendingRequest } from '../session/requests.ts';

/** Where subscriptions send their packets; one connection's worth. */
export interface SubscriptionLink {
  readonly limits: ServerLimits;
  /** Before MQTT 5 the RETAIN flag of a message tells for sure that it was retained (3.3.1.3). */
  readonly mqtt5: boolean;
  /** Messages at QoS 1 and 2 that came in this session so far. */
  readonly handed: number;
  takePacketId(): PacketId | undefined;
  /** @throws {PacketTooLarge} */
  send(packet: SubscribePacket | UnsubscribePacket, request: PendingRequest): void;
  /** Calls back when what came at QoS 1 and 2 so far is acknowledged: until then the Server may have no room for more (4.9). */
  acknowledged(reached: () => void): void;
  /** Calls back when the Server has handled everything sent so far, and its answers have arrived. */
  barrier(reached: () => void): void;
}
