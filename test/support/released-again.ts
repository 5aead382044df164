import { type Packet, type Parser, parser } from 'mqtt-packet';
import type { Tap } from './fault-link.ts';

/**
 * What a broker publishes to one client after it has released it [MQTT-4.3.3-6], as mosquitto 2.0 does where a connection
 * broke right behind its CONNECT. Seen on the wire, over all connections of the client: for its client it is new.
 */
export class ReleasedAgain {
  /** Payloads, each time. */
  readonly payloads: string[] = [];
  /** By packet id, at QoS 2: what was published last under it, and whether PUBREL came behind it. */
  readonly #published = new Map<number, { readonly payload: string; released: boolean }>();

  /** A packet of the broker. True: it should not be. */
  receive(packet: Packet): boolean {
    if (packet.cmd === 'pubrel') this.#release(packet.messageId ?? 0);
    if (packet.cmd !== 'publish' || packet.qos !== 2) return false;
    const payload = String(packet.payload);
    const known = this.#published.get(packet.messageId ?? 0);
    const isAgain = known?.payload === payload && known.released && packet.dup;
    this.#published.set(packet.messageId ?? 0, { payload, released: false });
    if (isAgain) this.payloads.push(payload);
    return isAgain;
  }

  /** For a proxy: what looks at one connection. */
  tap(protocolVersion: 4 | 5): Tap {
    const toClient: Parser = parser({ protocolVersion });
    toClient.on('packet', (packet) => this.receive(packet));
    return { fromClient: () => undefined, toClient: (bytes) => void toClient.parse(bytes) };
  }

  #release(packetId: number): void {
    const known = this.#published.get(packetId);
    if (known !== undefined) known.released = true;
  }
}
