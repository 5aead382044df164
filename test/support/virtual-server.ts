import { generate, type Packet, type PacketCmd, parser } from 'mqtt-packet';
import type { Dial } from '../../src/transport/dial.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { deferred } from '../../src/util/deferred.ts';
import { duplexPair, type Peer } from './duplex-pair.ts';
import { type Answers, answerTo } from './fake-answers.ts';

type PacketOf<C extends PacketCmd> = Extract<Packet, { cmd: C }>;

/** The Server's end of one connection in memory: what the client sends is answered in the next {@link turn}. */
export class VirtualConnection {
  /** Every packet that came, in order. */
  readonly received: Packet[] = [];
  readonly transport: Transport;
  readonly peer: Peer;
  /** What is said to each command; by default what a broker that agrees to everything says. */
  answers: Answers;
  /** Whether the network tells the client that it has ended the connection. */
  closes = true;
  readonly #codec: { protocolVersion: 3 | 4 | 5 } = { protocolVersion: 4 };
  readonly #parser = parser(this.#codec);
  #fresh: Packet[] = [];
  #closed = false;

  constructor(answers: Answers) {
    const { transport, peer } = duplexPair();
    this.transport = transport;
    this.peer = peer;
    this.answers = answers;
    this.#parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') this.#codec.protocolVersion = packet.protocolVersion as 4 | 5;
      this.received.push(packet);
      this.#fresh.push(packet);
    });
  }

  /** Reads what the client wrote and answers it, each packet in its turn. True: something happened. */
  turn(): boolean {
    const bytes = this.peer.taken();
    if (bytes.length > 0) this.#parser.parse(bytes);
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const packet of fresh) this.send(...answerTo(packet, this.answers));
    const ended = this.peer.endings.length > 0 && this.closes && !this.#closed;
    if (ended) this.close();
    return fresh.length > 0 || ended;
  }

  /** Sends packets in one chunk, as one read of a socket brings them. */
  send(...packets: readonly Packet[]): void {
    if (this.#closed || packets.length === 0) return;
    this.peer.send(Buffer.concat(packets.map((packet) => generate(packet, this.#codec))));
  }

  /** The network ends the connection. */
  close(cause?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.peer.closed(cause);
  }

  /** Whether the connection is over, whoever ended it. */
  get over(): boolean {
    return this.#closed || this.peer.endings.length > 0;
  }

  /** The packets of one command that came so far. */
  all<C extends PacketCmd>(cmd: C): PacketOf<C>[] {
    return this.received.filter((packet) => packet.cmd === cmd) as PacketOf<C>[];
  }

  /** What came, in short: `publish a 1`, `puback 5`. */
  get lines(): string[] {
    return this.received.map(line);
  }
}

function line(packet: Packet): string {
  const id = packet.messageId === undefined ? '' : ` ${packet.messageId}`;
  if (packet.cmd !== 'publish') return `${packet.cmd}${id}`;
  return `publish ${packet.topic}${packet.qos === 0 ? '' : id}${packet.dup ? ' dup' : ''}`;
}

/** An attempt to reach the Server that it has not decided about. */
export interface Attempt {
  readonly signal: AbortSignal;
  accept(): VirtualConnection;
  refuse(error: Error): void;
}

/** A Server without a socket: it does what the test says, and agrees to everything else. */
export class VirtualServer {
  /** Connections in the order of their dials. */
  readonly connections: VirtualConnection[] = [];
  /** Every dial, in order. */
  readonly attempts: Attempt[] = [];
  /** What connections to come answer. */
  answers: Answers = {};
  /** What becomes of a dial; by default it succeeds at once. */
  dialled: (attempt: Attempt) => void = (attempt) => void attempt.accept();

  readonly dial: Dial = (_server, _options, signal) => {
    const { promise, resolve, reject } = deferred<Transport>();
    const attempt: Attempt = {
      signal,
      accept: () => {
        const connection = new VirtualConnection(this.answers);
        this.connections.push(connection);
        resolve(connection.transport);
        return connection;
      },
      refuse: reject,
    };
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    this.attempts.push(attempt);
    this.dialled(attempt);
    return promise;
  };

  /** The latest connection. */
  get connection(): VirtualConnection {
    const latest = this.connections.at(-1);
    if (latest === undefined) throw new Error('no connection was made');
    return latest;
  }

  /** Every connection reads and answers. True: something happened. */
  turn(): boolean {
    return this.connections.map((connection) => connection.turn()).includes(true);
  }
}
