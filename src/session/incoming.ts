import { protocolError } from '../protocol/errors.ts';
import type { AckPacket, PacketId, PublishPacket } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import type { SessionStore } from '../store/session-store.ts';
import { Acknowledgements, type Reply } from './acknowledgements.ts';
import { Received } from './received.ts';

/** The receiving half of a session (4.3): who gets a message, and when it is acknowledged. */
export class Incoming {
  readonly #deliver: (packet: PublishPacket) => boolean;
  readonly #received: Received;
  /** Valid for the connection. */
  readonly #acknowledgements = new Acknowledgements();
  /** Whether a message that nobody takes waits for somebody. */
  #holding = false;

  /** @param deliver hands a message to its receivers; false if there is none. */
  constructor(store: SessionStore, stored: readonly PacketId[], deliver: (packet: PublishPacket) => boolean) {
    this.#received = new Received(store, stored);
    this.#deliver = deliver;
  }

  /** A new connection, with our own Receive Maximum. */
  begin(receiveMaximum: number): void {
    this.#received.begin(receiveMaximum);
  }

  /** The connection is gone: the Server sends again what was not acknowledged. */
  suspend(): void {
    this.#acknowledgements.clear();
  }

  /** The session is gone. */
  clear(): void {
    this.#received.clear();
  }

  receivePublish(packet: PublishPacket, reply: Reply): void {
    const { packetId } = packet;
    if (packetId === undefined) {
      this.#deliver(packet);
      return;
    }
    if (packet.qos === 1) this.#receiveOnce(packet, packetId, reply);
    else this.#receiveExactlyOnce(packet, packetId, reply);
  }

  /** [MQTT-4.3.3-11] whatever is known of the id, PUBREL is answered by PUBCOMP. */
  receivePubrel({ packetId }: AckPacket, reply: Reply): void {
    const known = this.#received.remove(packetId);
    reply('pubcomp', packetId, known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound);
  }

  /** From now on a message at QoS 1 or 2 that nobody takes waits, unacknowledged, for a receiver that may still come. */
  hold(): void {
    this.#holding = true;
  }

  /** There are new receivers: what waits is offered again. */
  offerHeld(): void {
    this.#acknowledgements.offer((packet) => {
      const taken = this.#deliver(packet);
      if (taken) this.#take(packet);
      return taken;
    });
  }

  /** Nobody came: what waits is acknowledged, and a message that nobody takes is so at once. */
  letGo(): void {
    this.#holding = false;
    this.#acknowledgements.offer((packet) => {
      this.#take(packet);
      return true;
    });
  }

  /** [MQTT-4.3.2-4] the PUBACK says that ownership was accepted: delivered first. */
  #receiveOnce(packet: PublishPacket, packetId: PacketId, reply: Reply): void {
    if (this.#received.has(packetId)) throw protocolError(`PUBLISH at QoS 1 with the id ${packetId} of one at QoS 2`);
    if (!this.#deliver(packet) && this.#mayHold(packet)) {
      return this.#acknowledgements.hold('puback', packetId, packet, reply);
    }
    this.#acknowledgements.send('puback', packetId, reply);
  }

  /** [MQTT-4.3.3-10] until PUBREL every duplicate gets a PUBREC, and only the first is delivered. */
  #receiveExactlyOnce(packet: PublishPacket, packetId: PacketId, reply: Reply): void {
    this.#received.count(packetId);
    const duplicate = this.#received.has(packetId);
    // Its id counts as received only when somebody took it: sent again after a reconnect it must not be a duplicate.
    if (!duplicate && !this.#deliver(packet) && this.#mayHold(packet)) {
      return this.#acknowledgements.hold('pubrec', packetId, packet, reply);
    }
    this.#received.add(packetId);
    this.#acknowledgements.send('pubrec', packetId, reply);
  }

  #mayHold(packet: PublishPacket): boolean {
    return this.#holding && this.#acknowledgements.hasRoomFor(packet);
  }

  #take(packet: PublishPacket): void {
    if (packet.qos === 2 && packet.packetId !== undefined) this.#received.add(packet.packetId);
  }
}
