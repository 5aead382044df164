import type { PublishPacket } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';

/** Somebody who gets messages: one call per publication, however many of its filters match. */
export interface Receiver {
  /**
   * Who it is across deploys: a new receiver with the same `ref` takes the place that a released one left. Two live
   * receivers of one filter have different ones; without a `ref` nobody waits for it.
   */
  readonly ref?: string | undefined;
  /** `filter` is the one of this receiver's filters by which the message came. It must not throw. */
  receive(packet: PublishPacket, filter: TopicFilter): void;
}
