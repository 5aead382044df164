import type { PublishPacket } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';
import type { Workable } from './work.ts';

/** Somebody who gets messages: one call per publication, however many of its filters match. */
export interface Receiver {
  /**
   * Who it is across deploys: a new receiver with the same `ref` takes the place that a released one left. Two live
   * receivers of one filter have different ones; without a `ref` nobody waits for it.
   */
  readonly ref?: string | undefined;
  /**
   * It must not throw. It copies the payload if it keeps it past this turn of the event loop.
   * @param filter the one of this receiver's filters by which the message came.
   * @param workable at QoS 1 and 2: whoever is not done with the message when this returns begins a work before.
   */
  receive(packet: PublishPacket, filter: TopicFilter, workable?: Workable): void;
}
