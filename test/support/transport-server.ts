import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsOptions } from 'node:tls';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { Inbox } from './inbox.ts';

export interface TransportServerOptions {
  readonly tls?: TlsOptions;
  readonly webSocket?: boolean;
  /** Sent at once on each connection. */
  readonly greeting?: string;
}

/** The peer of a transport on 127.0.0.1: bytes, and nothing of MQTT. */
export class TransportServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #accepted = new Inbox<Duplex>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket.on('error', ignore));
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async listen({ tls, webSocket, greeting }: TransportServerOptions): Promise<TransportServer> {
    const accept = (stream: Duplex): void => {
      stream.on('error', ignore);
      if (greeting !== undefined) stream.write(greeting);
      self.#accepted.put(stream);
    };
    const server = webSocket === true ? webSocketServer(tls, accept) : streamServer(tls, accept);
    const self = new TransportServer(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return self;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** TCP connections that are open, whether anything was made of them or not. */
  get open(): number {
    return this.#sockets.size;
  }

  /** The server's side of the next connection, as a stream of bytes. */
  accept(): Promise<Duplex> {
    return this.#accepted.take('no connection came');
  }

  /** Ends all TCP connections without a word. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.drop();
    await closed;
  }
}

function streamServer(tls: TlsOptions | undefined, accept: (stream: Duplex) => void): Server {
  return tls === undefined ? createTcpServer(accept) : createTlsServer(tls, accept);
}

function webSocketServer(tls: TlsOptions | undefined, accept: (stream: Duplex) => void): Server {
  const server = tls === undefined ? createHttpServer() : createHttpsServer(tls);
  const webSockets = new WebSocketServer({ server, perMessageDeflate: false });
  webSockets.on('connection', (webSocket) => accept(createWebSocketStream(webSocket)));
  return server;
}

function ignore(): void {
  // The tests look at the client's side; a reset here is one of the things they cause.
}
