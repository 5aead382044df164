import { type IPublishPacket, type Packet, type Parser, parser } from 'mqtt-packet';
import type { QoS } from '../../src/index.ts';
import type { Side, Tap } from '../support/fault-link.ts';
import { ReleasedAgain } from '../support/released-again.ts';
import { Marks } from './evidence.ts';
import { StepCuts, StepCutter } from './step-cuts.ts';
import { numberIn, type Setup } from './streams.ts';

interface Known {
  readonly qos: QoS;
  readonly number: number;
}

/** What crosses between one connection of the flow and the broker, over all its network connections. */
export class Wire {
  readonly cuts = new StepCuts();
  /** Outgoing messages for which the broker sent PUBACK, PUBREC or PUBCOMP, each time. */
  readonly acknowledged = new Marks();
  /** Incoming messages, each time. */
  readonly given = new Marks();
  /** Of those what the broker had released before, each time: it should not be. */
  readonly releasedAgain = new Marks();
  readonly releases = new ReleasedAgain();
  /** Incoming messages for which the client sent PUBACK or PUBREC, each time. */
  readonly taken = new Marks();
  /** By packet id: what the client sent under it last, on whichever connection. */
  readonly sent = new Map<number, Known>();
  /** When the client opened its connections. */
  readonly dials: number[] = [];
  readonly #version: 4 | 5;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #id: string;
  #last: ConnectionTap | undefined;

  /** @param trace told each packet. */
  constructor({ id, version }: Setup, trace?: (line: string) => void) {
    this.#id = id;
    this.#version = version;
    this.#trace = trace;
  }

  /** For the proxy: the tap of one more connection. */
  readonly connection = (): Tap => {
    this.dials.push(Date.now());
    const name = `${this.#id} ${this.dials.length}`;
    const trace = this.#trace;
    const traced = trace && ((towards: Side, packet: Packet) => trace(inWords(name, towards, packet)));
    return (this.#last = new ConnectionTap(this, this.#version, traced));
  };

  /** Numbers that the client got on the connection that is up, and has not acknowledged. */
  open(qos: QoS): number[] {
    return this.#last?.open(qos) ?? [];
  }
}

class ConnectionTap implements Tap {
  readonly #wire: Wire;
  readonly #cutters: Readonly<Record<Side, StepCutter>>;
  readonly #parsers: Readonly<Record<Side, Parser>>;
  readonly #given = new Map<number, Known>();
  readonly #since = Date.now();

  constructor(wire: Wire, version: 4 | 5, trace?: (towards: Side, packet: Packet) => void) {
    this.#wire = wire;
    this.#cutters = { client: new StepCutter(wire.cuts, 'client'), server: new StepCutter(wire.cuts, 'server') };
    this.#parsers = { client: parser({ protocolVersion: version }), server: parser({ protocolVersion: version }) };
    this.#parsers.client.on('packet', (packet) => {
      trace?.('client', packet);
      this.#fromServer(packet);
    });
    this.#parsers.server.on('packet', (packet) => {
      trace?.('server', packet);
      this.#fromClient(packet);
    });
  }

  open(qos: QoS): number[] {
    return [...this.#given.values()].filter((known) => known.qos === qos).map(({ number }) => number);
  }

  fromClient(bytes: Buffer): void {
    this.#parsers.server.parse(bytes);
  }

  toClient(bytes: Buffer): void {
    this.#parsers.client.parse(bytes);
  }

  cutWithin(bytes: Buffer, towards: Side): number | undefined {
    return this.#cutters[towards].cutWithin(bytes);
  }

  #fromServer(packet: Packet): void {
    const { acknowledged, sent, releases, releasedAgain } = this.#wire;
    const id = packet.messageId ?? 0;
    if (releases.receive(packet))
      releasedAgain.add(2, numberIn(String((packet as IPublishPacket).payload)), this.#since);
    if (packet.cmd === 'publish' && packet.qos > 0) this.#give(id, known(packet));
    if (packet.cmd !== 'puback' && packet.cmd !== 'pubrec' && packet.cmd !== 'pubcomp') return;
    const message = sent.get(id);
    if (message !== undefined) acknowledged.add(message.qos, message.number, this.#since);
  }

  #give(id: number, message: Known): void {
    this.#given.set(id, message);
    this.#wire.given.add(message.qos, message.number, this.#since);
  }

  #fromClient(packet: Packet): void {
    const id = packet.messageId ?? 0;
    if (packet.cmd === 'publish' && packet.qos > 0) this.#wire.sent.set(id, known(packet));
    if (packet.cmd !== 'puback' && packet.cmd !== 'pubrec') return;
    const message = this.#given.get(id);
    if (message !== undefined) this.#wire.taken.add(message.qos, message.number, this.#since);
    this.#given.delete(id);
  }
}

function known({ qos, payload }: IPublishPacket): Known {
  return { qos, number: numberIn(String(payload)) };
}

/** Time, connection, direction, packet, and what tells it from others. */
function inWords(name: string, towards: Side, packet: Packet): string {
  const { cmd, messageId = '-' } = packet;
  const direction = towards === 'server' ? '>' : '<';
  const words = `${Date.now()} ${name} ${direction} ${cmd} ${messageId}`;
  if (packet.cmd === 'connack') return `${words} session ${packet.sessionPresent}`;
  if (packet.cmd !== 'publish') return words;
  return `${words} q${packet.qos}${packet.dup ? ' dup' : ''} ${numberIn(String(packet.payload))}`;
}
