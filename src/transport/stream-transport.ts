import type { Socket } from 'node:net';
import { type Chunk, encodingOf } from '../util/chunk.ts';
import type { Reception } from './reception.ts';
import { Slices } from './slices.ts';
import type { Transport, TransportHandlers } from './transport.ts';

/**
 * A `net` or `tls` socket that reads into `reception` as a {@link Transport}. It is connected, and an error listener is
 * on it already.
 */
export function streamTransport(socket: Socket, reception: Reception): Transport {
  return new StreamTransport(socket, reception);
}

class StreamTransport implements Transport {
  readonly #socket: Socket;
  readonly #reception: Reception;
  /** What the socket was not given yet. */
  readonly #slices = new Slices();
  #failure: Error | undefined;

  constructor(socket: Socket, reception: Reception) {
    this.#socket = socket;
    this.#reception = reception;
    // A listener that is never removed: a socket's late error must not become an uncaught exception.
    socket.on('error', (error) => {
      this.#failure = error;
    });
  }

  start(handlers: TransportHandlers): void {
    const socket = this.#socket;
    socket.on('drain', () => {
      handlers.progress();
      this.#feed();
      if (!this.#full) handlers.drain();
    });
    // `allowHalfOpen` is off: the end of the peer's side ends ours, and `close` follows.
    socket.once('close', () => handlers.closed(this.#failure));
    this.#reception.start((chunk) => handlers.data(chunk));
  }

  write(chunks: readonly Chunk[]): boolean {
    this.#slices.push(chunks);
    this.#feed();
    return !this.#full;
  }

  get hasWritten(): boolean {
    return this.#slices.empty && this.#socket.writableLength === 0;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    while (!this.#slices.empty) this.#writeSlice();
    // A paused socket would never see the end of the peer's side, and so never its own.
    this.#socket.resume();
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  get #full(): boolean {
    return this.#socket.writableNeedDrain || !this.#slices.empty;
  }

  /** One write at a time: the socket joins all that waits in it into one, and tells of that only once. */
  #feed(): void {
    while (!this.#slices.empty && !this.#socket.writableNeedDrain) this.#writeSlice();
  }

  #writeSlice(): void {
    const socket = this.#socket;
    const chunks = this.#slices.take();
    if (chunks.length > 1) socket.cork();
    for (const chunk of chunks) {
      if (Buffer.isBuffer(chunk)) socket.write(chunk);
      else socket.write(chunk.text, encodingOf(chunk));
    }
    if (chunks.length > 1) socket.uncork();
  }
}
