import type { PacketId, PublishPacket } from '../protocol/packet.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { SessionStore } from '../store/session-store.ts';

/** Packet Identifiers of received QoS 2 messages that the Server has not released (4.3.3). At most 65,535. */
export class Received {
  readonly #store: SessionStore;
  /** With what the message was, by {@link fingerprintOf}; undefined: an earlier client received it. */
  readonly #ids: Map<PacketId, number | undefined>;
  /** Ids of a session that may not be the Server's any more. */
  readonly #doubted = new Set<PacketId>();

  constructor(store: SessionStore, stored: readonly PacketId[]) {
    this.#store = store;
    this.#ids = new Map(stored.map((packetId) => [packetId, undefined]));
  }

  /** What was received so far may have been in another session. */
  doubt(): void {
    for (const packetId of this.#ids.keys()) this.#doubted.add(packetId);
  }

  /** Whether the message with this id was received before. A doubted id that begins another message is forgotten. */
  knows(packetId: PacketId, packet: PublishPacket): boolean {
    if (this.#ids.size === 0) return false;
    if (this.#doubted.has(packetId) && !this.#isRepetition(packetId, packet)) this.remove(packetId);
    return this.#ids.has(packetId);
  }

  /** In another session the id is another message's, which may have been sent and lost, and so have DUP too. */
  #isRepetition(packetId: PacketId, packet: PublishPacket): boolean {
    const fingerprint = this.#ids.get(packetId);
    return packet.qos === 2 && packet.dup && (fingerprint === undefined || fingerprint === fingerprintOf(packet));
  }

  /** @param isDoubted whether it came in a session that may not be the Server's any more. */
  add(packetId: PacketId, fingerprint: number | undefined, isDoubted: boolean): void {
    if (this.#ids.has(packetId)) return;
    this.#store.saveReceived(packetId);
    this.#ids.set(packetId, fingerprint);
    if (isDoubted) this.#doubted.add(packetId);
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
