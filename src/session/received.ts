import type { PacketId, PublishPacket } from '../protocol/packet.ts';
import type { SessionStore } from '../store/session-store.ts';

/** Packet Identifiers of received QoS 2 messages that the Server has not released (4.3.3). At most 65,535. */
export class Received {
  readonly #store: SessionStore;
  readonly #ids: Set<PacketId>;
  /** Ids of a session that may not be the Server's any more. */
  readonly #doubted = new Set<PacketId>();

  constructor(store: SessionStore, stored: readonly PacketId[]) {
    this.#store = store;
    this.#ids = new Set(stored);
  }

  /** What was received so far may have been in another session. */
  doubt(): void {
    for (const packetId of this.#ids) this.#doubted.add(packetId);
  }

  /** Whether the message with this id was received before. A doubted id that begins another message is forgotten. */
  knows(packetId: PacketId, { qos, dup }: PublishPacket): boolean {
    if (this.#ids.size === 0) return false;
    if (this.#doubted.has(packetId) && (qos === 1 || !dup)) this.remove(packetId);
    return this.#ids.has(packetId);
  }

  /** @param isDoubted whether it came in a session that may not be the Server's any more. */
  add(packetId: PacketId, isDoubted: boolean): void {
    if (this.#ids.has(packetId)) return;
    this.#store.saveReceived(packetId);
    this.#ids.add(packetId);
    if (isDoubted) this.#doubted.add(packetId);
  }

  remove(packetId: PacketId): boolean {
    if (!this.#ids.has(packetId)) return false;
    this.#store.removeReceived(packetId);
    this.#doubted.delete(packetId);
    return this.#ids.delete(packetId);
  }

  clear(): void {
    for (const packetId of this.#ids) this.#store.removeReceived(packetId);
    this.#ids.clear();
    this.#doubted.clear();
  }
}
