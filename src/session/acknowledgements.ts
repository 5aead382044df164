import type { AckCommand, PacketId, PublishPacket } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import { Queue } from '../util/queue.ts';

/** Sends an acknowledgement on the connection that the packet came from. */
export type Reply = (cmd: AckCommand, packetId: PacketId, reasonCode: number) => void;

interface Pending {
  readonly cmd: 'puback' | 'pubrec';
  readonly packetId: PacketId;
  readonly reply: Reply;
  /** The message that nobody has taken yet; undefined: the acknowledgement may leave. */
  held: PublishPacket | undefined;
}

/** At most so much is held for receivers that may still come; beyond it messages are acknowledged as ever. */
const MOST_HELD = 1000;
const MOST_HELD_BYTES = 16 * 1024 * 1024;

/** PUBACKs and PUBRECs leave in the order of their PUBLISH packets [MQTT-4.6.0-2, -3]: one that waits holds up the next. */
export class Acknowledgements {
  readonly #pending = new Queue<Pending>();
  #held = 0;
  #heldBytes = 0;

  /** Whether another message may be held. */
  hasRoomFor({ payload }: PublishPacket): boolean {
    return this.#held < MOST_HELD && this.#heldBytes + payload.length <= MOST_HELD_BYTES;
  }

  /** Acknowledges as soon as everything before it is acknowledged. */
  send(cmd: Pending['cmd'], packetId: PacketId, reply: Reply): void {
    if (this.#pending.length === 0) reply(cmd, packetId, ReasonCode.Success);
    else this.#pending.push({ cmd, packetId, reply, held: undefined });
  }

  /** Keeps a message unacknowledged. It is copied: it must not keep its chunk alive. */
  hold(cmd: Pending['cmd'], packetId: PacketId, packet: PublishPacket, reply: Reply): void {
    this.#held += 1;
    this.#heldBytes += packet.payload.length;
    this.#pending.push({ cmd, packetId, reply, held: { ...packet, payload: Buffer.from(packet.payload) } });
  }

  /** Offers every held message; what `take` accepts is acknowledged in its turn. */
  offer(take: (packet: PublishPacket) => boolean): void {
    if (this.#held === 0) return;
    const all = this.#pending.drain();
    for (const pending of all) if (pending.held !== undefined && take(pending.held)) this.#release(pending);
    for (const pending of all) this.#pending.push(pending);
    this.#drain();
  }

  /** The connection is gone: the Server sends again what was not acknowledged. */
  clear(): void {
    this.#pending.drain();
    this.#held = 0;
    this.#heldBytes = 0;
  }

  #release(pending: Pending): void {
    this.#held -= 1;
    this.#heldBytes -= pending.held?.payload.length ?? 0;
    pending.held = undefined;
  }

  #drain(): void {
    for (let head = this.#pending.peek(); head !== undefined && head.held === undefined; head = this.#pending.peek()) {
      this.#pending.shift();
      head.reply(head.cmd, head.packetId, ReasonCode.Success);
    }
  }
}
