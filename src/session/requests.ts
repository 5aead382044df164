import type { PacketId, SubackPacket, UnsubackPacket } from '../protocol/packet.ts';
import { protocolError } from '../protocol/errors.ts';

/** A SUBSCRIBE or UNSUBSCRIBE that waits for its answer. */
export interface PendingRequest {
  readonly cmd: 'subscribe' | 'unsubscribe';
  /** Filters in it: the Server answers with one code for each. */
  readonly count: number;
  /** The reason codes, one per filter; none for an UNSUBACK of 3.1.1. */
  answered(reasonCodes: readonly number[], reasonString: string | undefined): void;
}

/** Requests of this connection by packet id; they die with it. */
export class Requests {
  readonly #pending = new Map<PacketId, PendingRequest>();

  add(packetId: PacketId, request: PendingRequest): void {
    this.#pending.set(packetId, request);
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
    request.answered(packet.reasonCodes, packet.reasonString);
    return true;
  }

  /** Whether no answer is waited for. */
  get idle(): boolean {
    return this.#pending.size === 0;
  }

  /** The connection is gone: the packet ids that are free again. */
  clear(): PacketId[] {
    const packetIds = [...this.#pending.keys()];
    this.#pending.clear();
    return packetIds;
  }
}
