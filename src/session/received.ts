import type { PacketId } from '../protocol/packet.ts';
import type { SessionStore } from '../store/session-store.ts';

/** Packet Identifiers of received QoS 2 messages that the Server has not released (4.3.3). At most 65,535. */
export class Received {
  readonly #store: SessionStore;
  readonly #ids: Set<PacketId>;

  constructor(store: SessionStore, stored: readonly PacketId[]) {
    this.#store = store;
    this.#ids = new Set(stored);
  }

  has(packetId: PacketId): boolean {
    return this.#ids.has(packetId);
  }

  add(packetId: PacketId): void {
    if (this.#ids.has(packetId)) return;
    this.#store.saveReceived(packetId);
    this.#ids.add(packetId);
  }

  remove(packetId: PacketId): boolean {
    if (!this.#ids.has(packetId)) return false;
    this.#store.removeReceived(packetId);
    return this.#ids.delete(packetId);
  }

  clear(): void {
    for (const packetId of this.#ids) this.#store.removeReceived(packetId);
    this.#ids.clear();
  }
}
