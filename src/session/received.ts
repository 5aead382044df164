import { protocolError } from '../protocol/errors.ts';
import type { PacketId } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import type { SessionStore } from '../store/session-store.ts';

/** Packet Identifiers of received QoS 2 messages that the Server has not released (4.3.3). At most 65,535. */
export class Received {
  readonly #store: SessionStore;
  readonly #ids: Set<PacketId>;
  #maximum = Infinity;
  /** Ids that came on this connection and are not released: what counts for the Receive Maximum. */
  readonly #unreleased = new Set<PacketId>();

  constructor(store: SessionStore, stored: readonly PacketId[]) {
    this.#store = store;
    this.#ids = new Set(stored);
  }

  /** A new connection: the Server's quota begins anew (4.9). */
  begin(receiveMaximum: number): void {
    this.#maximum = receiveMaximum;
    this.#unreleased.clear();
  }

  has(packetId: PacketId): boolean {
    return this.#ids.has(packetId);
  }

  /**
   * Counts a message that came.
   * @throws {ProtocolViolation} 0x93 when the Server exceeds our Receive Maximum [MQTT-3.3.4-9].
   */
  count(packetId: PacketId): void {
    this.#unreleased.add(packetId);
    if (this.#unreleased.size > this.#maximum) {
      throw protocolError(
        `broker sent more than ${this.#maximum} QoS 2 messages at once`,
        ReasonCode.ReceiveMaximumExceeded,
      );
    }
  }

  add(packetId: PacketId): void {
    if (this.#ids.has(packetId)) return;
    this.#ids.add(packetId);
    this.#store.saveReceived(packetId);
  }

  remove(packetId: PacketId): boolean {
    this.#unreleased.delete(packetId);
    if (!this.#ids.delete(packetId)) return false;
    this.#store.removeReceived(packetId);
    return true;
  }

  clear(): void {
    for (const packetId of this.#ids) this.#store.removeReceived(packetId);
    this.#ids.clear();
    this.#unreleased.clear();
  }
}
