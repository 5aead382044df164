import type { PacketId, SubackPacket, UnsubackPacket } from '../protocol/packet.ts';
import { protocolError } from '../protocol/errors.ts';

/** A SUBSCRIBE or UNSUBSCRIBE that waits for its answer. */
export interface PendingRequest {
  readonly cmd: 'subscribe' | 'unsubscribe';
  /** Filters in it: the Server answers with one code for each. */
  readonly count: number;
  /** The reason codes, one per filter; none for an UNSUBACK of 3.1.1. */
  answered(reasonCodes: readonly number[], reasonString: string | undefined): void;
  /** It should have been answered by now. */
  late?(): void;
}

/** Milliseconds in which a Server answers, if it ever does: the specification has no limit. */
export const LONGEST_ANSWER = 30_000;

/** Requests of this connection by packet id; they die with it. */
export class Requests {
  readonly #pending = new Map<PacketId, PendingRequest>();
  /** Since when those are waited for that are not late yet, the first one first. */
  readonly #since = new Map<PacketId, number>();

  add(packetId: PacketId, request: PendingRequest, now: number): void {
    this.#pending.set(packetId, request);
    this.#since.set(packetId, now);
  }

  /** When {@link expire} has something to do; undefined: never. */
  get deadline(): number | undefined {
    if (this.#since.size === 0) return undefined;
    const [since] = this.#since.values();
    return since === undefined ? undefined : since + LONGEST_ANSWER;
  }

  /** Tells those that are late, each once. */
  expire(now: number): void {
    for (const [packetId, since] of this.#since) {
      if (since + LONGEST_ANSWER > now) return;
      this.#since.delete(packetId);
      this.#pending.get(packetId)?.late?.();
    }
  }

  /** Nothing could be read until now: what was answered meanwhile is not late. */
  defer(now: number): void {
    for (const packetId of this.#since.keys()) this.#since.set(packetId, now);
  }

  /**
   * True if the packet answered a request; one of an id that nothing waits for is ignored.
   * @throws {ProtocolViolation} for an answer of the wrong kind or with another number of codes [MQTT-3.8.4-6].
   */
  receive(packet: SubackPacket | UnsubackPacket): boolean {
    const request = this.#pending.get(packet.packetId);
    if (request === undefined) return false;
    const name = packet.cmd.toUpperCase();
    if ((packet.cmd === 'suback') !== (request.cmd === 'subscribe')) {
      throw protocolError(`${name} answers the ${request.cmd.toUpperCase()} ${packet.packetId}`);
    }
    const count = packet.reasonCodes.length;
    if (count !== request.count && !(packet.cmd === 'unsuback' && count === 0)) {
      throw protocolError(`${name} has ${count} reason codes for ${request.count} filters`);
    }
    this.#pending.delete(packet.packetId);
    this.#since.delete(packet.packetId);
    request.answered(packet.reasonCodes, packet.reasonString);
    return true;
  }

  /** Whether no answer is waited for; late ones may never come. */
  get idle(): boolean {
    return this.#since.size === 0;
  }

  /** The connection is gone: the packet ids that are free again. */
  clear(): PacketId[] {
    const packetIds = [...this.#pending.keys()];
    this.#pending.clear();
    this.#since.clear();
    return packetIds;
  }
}
