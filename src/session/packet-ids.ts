import type { PacketId } from '../protocol/packet.ts';
import type { Random } from '../util/clock.ts';

const HIGHEST = 65_535;

/**
 * Packet Identifiers of PUBLISH, SUBSCRIBE and UNSUBSCRIBE: one space, never one in use twice [MQTT-2.2.1-3]. They begin
 * somewhere at random: a Server that still holds an id of an earlier process would take a new message for a repetition.
 */
export class PacketIds {
  /** By id: 1 while it is in use. A byte each costs less than a set, which every message would change twice. */
  readonly #used = new Uint8Array(HIGHEST + 1);
  #count = 0;
  readonly #retired = new Set<PacketId>();
  #last: number;

  constructor(random: Random) {
    this.#last = Math.floor(random() * HIGHEST);
  }

  /** An unused id, or undefined while all 65,535 are in flight. */
  take(): PacketId | undefined {
    if (this.#count === HIGHEST) return undefined;
    do {
      this.#last = this.#last === HIGHEST ? 1 : this.#last + 1;
    } while (this.#used[this.#last] === 1);
    this.claim(this.#last as PacketId);
    return this.#last as PacketId;
  }

  /** Marks an id that came from the store. */
  claim(packetId: PacketId): void {
    if (this.#used[packetId] === 1) return;
    this.#used[packetId] = 1;
    this.#count += 1;
  }

  release(packetId: PacketId): void {
    if (this.#used[packetId] === 0 || this.#retired.has(packetId)) return;
    this.#used[packetId] = 0;
    this.#count -= 1;
  }

  /** The Server may know this id for as long as the session lasts: it is not used again until {@link forgotten}. */
  retire(packetId: PacketId): void {
    this.#retired.add(packetId);
  }

  /** The Server has no session: it knows no id any more. */
  forgotten(): void {
    const retired = [...this.#retired];
    this.#retired.clear();
    for (const packetId of retired) this.release(packetId);
  }
}
