import type { PacketId } from '../protocol/packet.ts';

const HIGHEST = 65_535;

/** Packet Identifiers of PUBLISH, SUBSCRIBE and UNSUBSCRIBE: one space, never one in use twice [MQTT-2.2.1-3]. */
export class PacketIds {
  readonly #used = new Set<number>();
  #last = 0;

  /** An unused id, or undefined while all 65,535 are in flight. */
  take(): PacketId | undefined {
    if (this.#used.size === HIGHEST) return undefined;
    do {
      this.#last = this.#last === HIGHEST ? 1 : this.#last + 1;
    } while (this.#used.has(this.#last));
    this.#used.add(this.#last);
    return this.#last as PacketId;
  }

  /** Marks an id that came from the store. */
  claim(packetId: PacketId): void {
    this.#used.add(packetId);
  }

  release(packetId: PacketId): void {
    this.#used.delete(packetId);
  }
}
