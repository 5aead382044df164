import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** An HTTP proxy on 127.0.0.1 that knows nothing but CONNECT. */
export class ProxyServer {
  /** What was asked for, as `host:port`, with the Proxy-Authorization that came with it. */
  readonly requests: { readonly target: string; readonly authorization: string | undefined }[] = [];
  readonly #server: Server = createServer();
  readonly #sockets = new Set<Socket>();

  /** @param status what CONNECT is answered with; anything but 200 is a refusal. */
  static async listen(status = 200): Promise<ProxyServer> {
    const proxy = new ProxyServer();
    proxy.#server.on('connect', (request, socket: Socket) => {
      proxy.requests.push({ target: request.url ?? '', authorization: request.headers['proxy-authorization'] });
      proxy.#own(socket);
      if (status === 200) proxy.#tunnel(request.url ?? '', socket);
      else socket.end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\n\r\n`);
    });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #tunnel(target: string, socket: Socket): void {
    const { hostname, port } = new URL(`tcp://${target}`);
    const upstream = connect({ host: hostname, port: Number(port) }, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(upstream).pipe(socket);
    });
    this.#own(upstream);
    upstream.once('close', () => socket.destroy());
    socket.once('close', () => upstream.destroy());
  }

  #own(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
