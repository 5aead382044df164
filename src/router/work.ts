import { ReasonCode } from '../protocol/reason-codes.ts';
import type { PublishPacket } from '../protocol/packet.ts';

/**
 * What became of a {@link Work}: nobody ended it yet; it was ended; the session in which its message came is lost, and
 * nobody sends it again; or another client goes on with that session, to which the Server sends it again.
 */
export type WorkState = 'open' | 'ended' | 'lost' | 'left';

/** A message that is acknowledged behind the end of each work that was begun with it. */
export interface Workable {
  begin(): Work;
}

/** Whom the end of a work concerns. */
export interface WorkOwner {
  readonly packet: PublishPacket | undefined;
  workEnded(work: Work, reasonCode: number): void;
}

/** What one receiver does with a message at QoS 1 or 2, which is not acknowledged before all of that has ended (4.4). */
export class Work {
  readonly #owner: WorkOwner;
  #state: WorkState = 'open';

  constructor(owner: WorkOwner) {
    this.#owner = owner;
  }

  get state(): WorkState {
    return this.#state;
  }

  /** The message, as long as the work is open; its payload is a copy as soon as the turn is over in which it came. */
  get packet(): PublishPacket | undefined {
    return this.#owner.packet;
  }

  /**
   * Ends it: the message may be acknowledged as far as this receiver is concerned.
   * @param reasonCode what the Server is told, from MQTT 5 on (3.4.2.1, 3.5.2.1); of several receivers the highest counts.
   * @returns what it was before: only what was `open` is acknowledged by this.
   */
  end(reasonCode: number = ReasonCode.Success): WorkState {
    const before = this.#state;
    if (before === 'ended' || before === 'left') return before;
    this.#state = 'ended';
    this.#owner.workEnded(this, reasonCode);
    return before;
  }

  /** There is no acknowledgement any more that could wait for it. */
  void(why: 'lost' | 'left'): void {
    if (this.#state === 'open') this.#state = why;
  }
}
