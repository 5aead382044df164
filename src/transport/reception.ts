import type { OnReadOpts, Socket } from 'node:net';

/**
 * Where all sockets read: one after the other, and each read is handled before the next. A buffer for each read is what
 * a socket makes by itself, and as garbage it costs more than the reading.
 */
const SHARED = Buffer.allocUnsafeSlow(262_144);

/**
 * What a socket reads. While nobody takes it, it waits in the socket itself, as it does with a socket that reads by
 * itself: TLS hands on all that one read brought, also behind a pause, and the end of the peer with it, which waits there
 * behind the bytes.
 */
export class Reception {
  #socket: Socket | undefined;
  #data: ((chunk: Buffer) => void) | undefined;

  /** For `net.connect` and `tls.connect`. */
  readonly onread: OnReadOpts = {
    buffer: SHARED,
    callback: (size, buffer) => {
      this.#receive((buffer as Buffer).subarray(0, size));
      return this.#isTaken;
    },
  };

  /** @param socket the one that was made with {@link onread}: to be told before it is connected. */
  by(socket: Socket): this {
    this.#socket = socket;
    return this;
  }

  /** @param data told of each chunk, in later calls; it is valid during the call alone. */
  start(data: (chunk: Buffer) => void): void {
    this.#data = data;
    this.#socket?.on('data', data);
    this.#socket?.resume();
  }

  get #isTaken(): boolean {
    return this.#data !== undefined && this.#socket?.isPaused() === false;
  }

  #receive(chunk: Buffer): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (this.#data !== undefined && this.#isTaken && socket.readableLength === 0) this.#data(chunk);
    else socket.push(Buffer.from(chunk));
  }
}
