import type { PacketId } from '../protocol/packet.ts';
import type { Random } from '../util/clock.ts';

const HIGHEST = 65_535;

/**
 * Packet Identifiers of PUBLISH, SUBSCRIBE and UNSUBSCRIBE: one space, never one in use twice [MQTT-2.2.1-3]. They begin
 * somewhere at random: a Server that still holds an id of an earlier process would take a new message for a repetition.
 */
export class PacketIds {
  readonly #used = new Set<number>();
  readonly #retired = new Set<number>();
  #last: number;

  constructor(random: Random) {
    this.#last = Math.floor(random() * HIGHEST);
  }

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
    if (!this.#retired.has(packetId)) this.#used.delete(packetId);
  }

  /** The Server may know this id for as long as the session lasts: it is not used again until {@link forgotten}. */
  retire(packetId: PacketId): void {
    this.#retired.add(packetId);
  }

  /** The Server has no session: it knows no id any more. */
  forgotten(): void {
    for (const packetId of this.#retired) this.#used.delete(packetId);
    this.#retired.clear();
  }
}
