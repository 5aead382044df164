import { type IPublishPacket, type ISubscribePacket, type Packet, type Parser, parser } from 'mqtt-packet';
import type { Tap } from '../support/fault-link.ts';
import { numbersOf } from './numbers.ts';
import type { Setup } from './streams.ts';

/** What one connection of a client has been given, and has acknowledged. */
class ConnectionTap implements Tap {
  readonly #toClient: Parser;
  readonly #fromClient: Parser;
  /** By filter: the identifiers that it was subscribed with, one after the other. */
  readonly #identifiers = new Map<string, number[]>();
  readonly #given = new Map<number, IPublishPacket>();
  readonly #acknowledged: IPublishPacket[] = [];

  constructor(version: 4 | 5) {
    this.#toClient = parser({ protocolVersion: version });
    this.#fromClient = parser({ protocolVersion: version });
    this.#toClient.on('packet', (packet) => this.#give(packet));
    this.#fromClient.on('packet', (packet) => this.#take(packet));
  }

  get acknowledged(): readonly IPublishPacket[] {
    return this.#acknowledged;
  }

  /** What the client was given and has not acknowledged. */
  get open(): readonly IPublishPacket[] {
    return [...this.#given.values()];
  }

  /** Whether this packet is the copy for a subscription: of this filter, or of none in particular. */
  isCopyFor(filter: string, { properties }: IPublishPacket): boolean {
    const identifiers = [properties?.subscriptionIdentifier ?? []].flat();
    const own = this.#identifiers.get(filter);
    return identifiers.length === 0 || own === undefined || own.some((each) => identifiers.includes(each));
  }

  toClient(bytes: Buffer): void {
    this.#toClient.parse(bytes);
  }

  fromClient(bytes: Buffer): void {
    this.#fromClient.parse(bytes);
  }

  #note({ properties, subscriptions }: ISubscribePacket): void {
    const identifier = properties?.subscriptionIdentifier;
    if (identifier === undefined) return;
    for (const { topic } of subscriptions) numbersOf(this.#identifiers, topic).push(identifier);
  }

  #give(packet: Packet): void {
    if (packet.cmd === 'publish' && packet.qos > 0) this.#given.set(packet.messageId ?? 0, packet);
  }

  #take(packet: Packet): void {
    if (packet.cmd === 'subscribe') this.#note(packet);
    if (packet.cmd !== 'puback' && packet.cmd !== 'pubrec') return;
    const publication = this.#given.get(packet.messageId ?? 0);
    if (publication === undefined) return;
    this.#given.delete(packet.messageId ?? 0);
    this.#acknowledged.push(publication);
  }
}

/** What a client has taken over from the broker, over all its connections, as their proxy sees it. */
export class WireTap {
  readonly #version: 4 | 5;
  readonly #connections: ConnectionTap[] = [];

  constructor({ version }: Setup) {
    this.#version = version;
  }

  /** For the proxy: the tap of one more connection. */
  readonly connection = (): Tap => {
    const tap = new ConnectionTap(this.#version);
    this.#connections.push(tap);
    return tap;
  };

  /**
   * The numbers of a topic that the client owes to the node with this filter: it has acknowledged a copy for it, or got
   * one on the connection that is still up. What else the broker may have sent was on its way when a connection ended.
   */
  owed(topic: string, filter: string): ReadonlySet<number> {
    const last = this.#connections.at(-1);
    const owed = this.#connections.flatMap((connection) => {
      const packets = connection === last ? [...connection.acknowledged, ...connection.open] : connection.acknowledged;
      return packets.filter((packet) => packet.topic === topic && connection.isCopyFor(filter, packet));
    });
    return new Set(owed.map(({ payload }) => Number(payload)));
  }
}
