import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsOptions } from 'node:tls';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { settle } from './events.ts';
import type { Answers } from './fake-answers.ts';
import { FakePeer } from './fake-peer.ts';
import type { Wire } from './fake-peer.ts';
import { Inbox } from './inbox.ts';

export { FakePeer } from './fake-peer.ts';
export type { PacketOf } from './fake-peer.ts';
export type { Answers } from './fake-answers.ts';

export interface FakeBrokerOptions {
  /** By default 0, any free port. Another one is for a broker which comes back where the last one was. */
  readonly port?: number;
  /** MQTT over WebSocket instead of over TCP. */
  readonly webSocket?: boolean;
  /** The WebSocket sub-protocol the server agrees to, by default `mqtt`; `false`: none. */
  readonly subProtocol?: string | false;
  /** TLS with this key and certificate (and, for client certificates, `requestCert` and `ca`). */
  readonly tls?: TlsOptions;
  /** Every connection starts as if {@link FakePeer.autoRespond} had been called with this. */
  readonly autoRespond?: Answers;
}

/**
 * An MQTT server on 127.0.0.1 which does what a test tells it, connection by connection.
 *
 * ```ts
 * const broker = await FakeBroker.listen();
 * const peer = await broker.accept();
 * await peer.handshake();
 * const publish = await peer.expect('publish');
 * peer.drop();
 * await broker.close();
 * ```
 */
export class FakeBroker {
  /** Every connection so far, accepted by the test or not, in order. */
  readonly peers: FakePeer[] = [];
  /** What went wrong before a connection existed: failed TLS handshakes, bad WebSocket requests. */
  readonly errors: Error[] = [];

  readonly #options: FakeBrokerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Inbox<FakePeer>();

  private constructor(options: FakeBrokerOptions) {
    this.#options = options;
    this.#server = options.webSocket === true ? this.#webSocketServer() : this.#streamServer();
    this.#server.on('connection', (socket: Socket) => this.#own(socket));
    this.#server.on('tlsClientError', (error: Error) => this.errors.push(error));
  }

  /** Starts a broker. */
  static async listen(options: FakeBrokerOptions = {}): Promise<FakeBroker> {
    const broker = new FakeBroker(options);
    broker.#server.listen(options.port ?? 0, '127.0.0.1');
    await once(broker.#server, 'listening');
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The address for a client, such as `mqtt://127.0.0.1:40123`. */
  get url(): string {
    const scheme = this.#options.webSocket === true ? 'ws' : 'mqtt';
    return `${scheme}${this.#options.tls === undefined ? '' : 's'}://127.0.0.1:${this.port}`;
  }

  /**
   * The next connection; those that came before somebody asked are given first.
   *
   * @param timeoutMs how long to wait for it in milliseconds, by default 5,000.
   * @throws Error where none comes in time or the broker was closed.
   */
  async accept(timeoutMs?: number): Promise<FakePeer> {
    return this.#waiting.take(() => `no connection came to ${this.url} (${this.peers.length} before)`, timeoutMs);
  }

  /** Nobody connected whom the test has not accepted, and nobody in this process is about to (see `settle`). */
  async expectNoConnection(turns?: number): Promise<void> {
    await settle(turns);
    if (this.#waiting.size > 0) {
      throw new Error(`expected no connection, but ${this.#waiting.size} came to ${this.url}`);
    }
  }

  /** Ends every connection without a word and stops listening. Closing twice is harmless. */
  async close(): Promise<void> {
    if (!this.#server.listening) {
      return;
    }
    this.#waiting.end(new Error('the broker was closed'));
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await closed;
  }

  #streamServer(): Server {
    const { tls } = this.#options;
    const accept = (socket: Socket): void => this.#accept({ stream: socket, socket });
    return tls === undefined
      ? createTcpServer({ noDelay: true }, accept)
      : createTlsServer({ noDelay: true, ...tls }, accept);
  }

  #webSocketServer(): Server {
    const { tls, subProtocol = 'mqtt' } = this.#options;
    const server = tls === undefined ? createHttpServer() : createHttpsServer(tls);
    const webSockets = new WebSocketServer({
      server,
      perMessageDeflate: false,
      handleProtocols: (offered) => (subProtocol !== false && offered.has(subProtocol) ? subProtocol : false),
    });
    webSockets.on('wsClientError', (error) => this.errors.push(error));
    webSockets.on('connection', (webSocket, upgradeRequest) => {
      this.#accept({ stream: createWebSocketStream(webSocket), socket: upgradeRequest.socket, upgradeRequest });
    });
    return server;
  }

  #own(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // before TLS or WebSocket is up nobody else listens, and `errors` has it
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #accept(wire: Wire): void {
    const peer = new FakePeer(wire);
    if (this.#options.autoRespond !== undefined) {
      peer.autoRespond(this.#options.autoRespond);
    }
    this.peers.push(peer);
    this.#waiting.put(peer);
  }
}
