import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { generate, parser } from 'mqtt-packet';
import type { IConnackPacket, IConnectPacket, Packet, PacketCmd } from 'mqtt-packet';
import { answerTo } from './fake-answers.ts';
import type { Answers } from './fake-answers.ts';
import { settle, within } from './events.ts';
import { Inbox } from './inbox.ts';

/** The packet type of one command, as `mqtt-packet` shapes it. */
export type PacketOf<C extends PacketCmd> = Extract<Packet, { cmd: C }>;

/** What a network connection consists of, whatever it is made over. */
export interface Wire {
  /** The MQTT bytes, in both directions. */
  readonly stream: Duplex;
  /** The TCP socket under it. */
  readonly socket: Socket;
  /** The request of the WebSocket handshake, with its path and headers. */
  readonly upgradeRequest?: IncomingMessage;
}

/**
 * The server's side of one network connection, driven step by step by a test: it does only what the test says, unless
 * {@link FakePeer.autoRespond} was called.
 */
export class FakePeer {
  /** Every packet that came so far, taken or not, in order. */
  readonly received: Packet[] = [];
  /** The bytes as they came, one entry for each read of the socket. */
  readonly chunks: Buffer[] = [];
  /** Settles when the connection is over, whoever ended it and however. Never rejects. */
  readonly closed: Promise<void>;
  readonly upgradeRequest: IncomingMessage | undefined;
  /** The socket itself, for tests which need more than this class offers. */
  readonly socket: Socket;

  readonly #stream: Duplex;
  readonly #inbox = new Inbox<Packet>();
  // `mqtt-packet` reads the version from this object at each packet: it is known once the CONNECT came.
  readonly #codecOptions: { protocolVersion: 3 | 4 | 5 } = { protocolVersion: 4 };
  readonly #parser = parser(this.#codecOptions);
  #answers: Answers | undefined;

  constructor(wire: Wire) {
    this.#stream = wire.stream;
    this.socket = wire.socket;
    this.upgradeRequest = wire.upgradeRequest;
    this.closed = new Promise((resolve) => {
      this.#stream.once('close', () => resolve());
    });
    this.#listen();
  }

  /** The protocol version of the CONNECT that came; 4 (MQTT 3.1.1) before. */
  get protocolVersion(): 3 | 4 | 5 {
    return this.#codecOptions.protocolVersion;
  }

  /** How many packets came that nobody has taken with {@link FakePeer.expect} yet. */
  get pending(): number {
    return this.#inbox.size;
  }

  /**
   * The next packet, which must be of this command.
   *
   * @param timeoutMs how long to wait for it in milliseconds, by default 5,000.
   * @throws Error where another packet came, none came in time, what came is malformed, or the connection ended.
   */
  async expect<C extends PacketCmd>(cmd: C, timeoutMs?: number): Promise<PacketOf<C>> {
    const packet = await this.#inbox.take(() => `expected ${cmd}: nothing came (${this.#story()})`, timeoutMs);
    if (packet.cmd !== cmd) {
      throw new Error(`expected ${cmd}, but ${describe(packet)} came (${this.#story()})`);
    }
    return packet as PacketOf<C>;
  }

  /** The next packet of this command; packets of other commands before it are passed over. */
  async skipTo<C extends PacketCmd>(cmd: C, timeoutMs?: number): Promise<PacketOf<C>> {
    for (;;) {
      const packet = await this.#inbox.take(() => `waited for ${cmd}: none came (${this.#story()})`, timeoutMs);
      if (packet.cmd === cmd) {
        return packet as PacketOf<C>;
      }
    }
  }

  /**
   * Nothing is pending and nothing more is on its way from a client in this process (see `settle`).
   *
   * @throws Error naming the packet which came.
   */
  async expectNothing(turns?: number): Promise<void> {
    await settle(turns);
    const packet = this.#inbox.takeNow();
    if (packet !== undefined) {
      throw new Error(`expected nothing, but ${describe(packet)} came (${this.#story()})`);
    }
  }

  /** Waits until the connection is over; what still comes before stays in {@link FakePeer.received}. */
  async expectClosed(timeoutMs?: number): Promise<void> {
    await within(this.closed, () => `expected the connection to end: it did not (${this.#story()})`, timeoutMs);
  }

  /**
   * Sends one packet, encoded for the protocol version of the CONNECT.
   *
   * @returns false where the client reads too slowly and more should wait for {@link FakePeer.drained}.
   */
  send(packet: Packet): boolean {
    return this.sendBytes(this.encode(packet));
  }

  /** The bytes of a packet for the protocol version of the CONNECT, unsent. */
  encode(packet: Packet): Buffer {
    return generate(packet, this.#codecOptions);
  }

  /** Sends bytes as they are, in one write; a string is hexadecimal, blanks allowed. Returns as {@link FakePeer.send}. */
  sendBytes(bytes: Uint8Array | string): boolean {
    return this.#stream.write(toBytes(bytes));
  }

  /** Sends bytes one at a time, each in a write and a turn of the event loop of its own. */
  async trickle(bytes: Uint8Array | string): Promise<void> {
    for (const byte of toBytes(bytes)) {
      this.#stream.write(Uint8Array.of(byte));
      await nextTurn();
    }
  }

  /** Settles when what was sent left this process' buffer, so that more may be sent. */
  async drained(): Promise<void> {
    if (this.#stream.writableNeedDrain) {
      await within(once(this.#stream, 'drain'), 'the client did not read');
    }
  }

  /** Sends a CONNACK; by default success without a session. `reasonCode` stands for the return code on 3.1.1 too. */
  connack(connack: Partial<IConnackPacket> = {}): void {
    const code = connack.reasonCode ?? connack.returnCode ?? 0;
    this.send({ cmd: 'connack', sessionPresent: false, ...connack, reasonCode: code, returnCode: code });
  }

  /** Expects the CONNECT, answers it as {@link FakePeer.connack} does, and returns it. */
  async handshake(connack?: Partial<IConnackPacket>): Promise<IConnectPacket> {
    const connect = await this.expect('connect');
    this.connack(connack);
    return connect;
  }

  /**
   * From now on packets are answered as an agreeable broker does: CONNACK, SUBACK with the QoS asked for, UNSUBACK,
   * PUBACK, PUBREC, PUBREL, PUBCOMP, PINGRESP. They still come out of {@link FakePeer.expect}, PINGREQ excepted.
   *
   * @param answers for a command, what to answer instead: a packet, several, or `undefined` for silence.
   */
  autoRespond(answers: Answers = {}): this {
    this.#answers = answers;
    return this;
  }

  /** Stops reading: the client's bytes stay in its socket, and what it sends is neither seen nor answered. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Says goodbye at TCP's level (FIN) or WebSocket's (close frame) once all that was sent has left. */
  end(): void {
    this.#stream.end();
  }

  /** Ends the connection at once and without a word; what was not sent yet is lost. */
  drop(): void {
    this.socket.destroy();
    this.#stream.destroy();
  }

  /**
   * Ends the connection by a TCP reset, which the client sees as ECONNRESET.
   *
   * @throws Error over TLS, where Node.js cannot do it: use {@link FakePeer.drop}.
   */
  reset(): void {
    this.socket.resetAndDestroy();
    this.#stream.destroy();
  }

  #listen(): void {
    this.#parser.on('packet', (packet) => this.#receive(packet));
    this.#parser.on('error', (error: Error) => this.#inbox.end(new Error(`malformed bytes came: ${error.message}`)));
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#stream.on('error', () => {}); // a reset is an ordinary end here; `closed` tells of it
    void this.closed.then(() => this.#inbox.end(new Error(`the connection ended (${this.#story()})`))); // never rejects
  }

  #read(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.#stream.cork(); // the answers to one chunk leave in one write
    this.#parser.parse(chunk);
    process.nextTick(() => this.#stream.uncork());
  }

  #receive(packet: Packet): void {
    if (packet.cmd === 'connect') {
      this.#codecOptions.protocolVersion = packet.protocolVersion ?? 4;
    }
    this.received.push(packet);
    if (this.#answers === undefined || packet.cmd !== 'pingreq') {
      this.#inbox.put(packet);
    }
    this.#answer(packet);
  }

  #answer(packet: Packet): void {
    if (this.#answers === undefined) {
      return;
    }
    for (const answer of answerTo(packet, this.#answers)) {
      this.send(answer);
    }
  }

  #story(): string {
    const last = this.received.slice(-8).map((packet) => packet.cmd);
    const seen = last.length === 0 ? 'nothing came before' : `${this.received.length} came, last ${last.join(', ')}`;
    return `${seen}; connection ${this.#stream.destroyed ? 'over' : 'open'}`;
  }
}

function toBytes(bytes: Uint8Array | string): Uint8Array {
  return typeof bytes === 'string' ? Buffer.from(bytes.replaceAll(/\s/g, ''), 'hex') : bytes;
}

function describe(packet: Packet): string {
  return JSON.stringify(packet).slice(0, 300);
}
