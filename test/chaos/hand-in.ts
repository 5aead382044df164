import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { Inbox } from '../support/inbox.ts';

const START_MS = 60_000;

/** Where Node-RED gets the numbers that it publishes, and says that its flows have started. It ends with this. */
export class HandIn {
  readonly #server: Server;
  readonly #starts = new Inbox<string>();
  #socket: Socket | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async listen(): Promise<HandIn> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HandIn(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** @returns whether there is a Node-RED that may get it. */
  give(node: string, number: number, size: number): boolean {
    return this.#socket?.write(`${node} ${number} ${size}\n`) !== undefined;
  }

  /** Settles when flows start after `act` has begun, and it is through. */
  async starting(act: () => Promise<void>): Promise<void> {
    while (this.#starts.takeNow() !== undefined);
    await act();
    await this.#starts.take('the flows do not start', START_MS);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#socket?.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', () => socket.destroy()); // of a process that is gone
    socket.once('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
    // It passes on the errors of its socket.
    createInterface(socket)
      .on('line', (line) => this.#starts.put(line))
      .on('error', () => {});
  }
}
