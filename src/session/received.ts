import type { PacketId, PublishPacket } from '../protocol/packet.ts';
import { graver, type IdDoubt, isRepetition } from './repetition.ts';
import type { SessionStore, StoredReceived } from '../store/session-store.ts';

/** Packet Identifiers of received QoS 2 messages that the Server has not released (4.3.3). At most 65,535. */
export class Received {
  readonly #store: SessionStore;
  /** With what the message was, by {@link fingerprintOf}; undefined: it was stored without. */
  readonly #ids: Map<PacketId, number | undefined>;
  /** Ids of a session that may not be the Server's any more. */
  readonly #doubted = new Map<PacketId, IdDoubt>();

  constructor(store: SessionStore, stored: readonly StoredReceived[]) {
    this.#store = store;
    this.#ids = new Map(stored.map(({ packetId, fingerprint }) => [packetId, fingerprint]));
  }

  /** What was received so far may have been in another session. */
  doubt(doubt: IdDoubt): void {
    for (const packetId of this.#ids.keys()) this.#doubted.set(packetId, graver(this.#doubted.get(packetId), doubt));
  }

  get isDoubted(): boolean {
    return this.#doubted.size > 0;
  }

  /** What the Server has not repeated by now is in another session, or was released: its id is another message's. */
  forgetDoubted(): void {
    for (const packetId of this.#doubted.keys()) this.remove(packetId);
  }

  /** Whether the message with this id was received before. A doubted id that begins another message is forgotten. */
  knows(packetId: PacketId, packet: PublishPacket): boolean {
    if (this.#ids.size === 0) return false;
    const doubt = this.#doubted.get(packetId);
    if (doubt === undefined) return this.#ids.has(packetId);
    const isKnown = isRepetition(doubt, this.#ids.get(packetId), packet);
    // Sent again, it is the Server's own: from here on the id tells.
    if (isKnown) this.#doubted.delete(packetId);
    else this.remove(packetId);
    return isKnown;
  }

  /** @param doubt whether it came in a session that may not be the Server's any more. */
  add(packetId: PacketId, fingerprint: number | undefined, doubt: IdDoubt | undefined): void {
    if (this.#ids.has(packetId)) return;
    this.#store.saveReceived({ packetId, fingerprint });
    this.#ids.set(packetId, fingerprint);
    if (doubt !== undefined) this.#doubted.set(packetId, doubt);
  }

  remove(packetId: PacketId): boolean {
    if (!this.#ids.has(packetId)) return false;
    this.#store.removeReceived(packetId);
    this.#doubted.delete(packetId);
    return this.#ids.delete(packetId);
  }

  clear(): void {
    for (const packetId of this.#ids.keys()) this.#store.removeReceived(packetId);
    this.#ids.clear();
    this.#doubted.clear();
  }
}
