import type { Agent, ClientRequest } from 'node:http';
import { WebSocket, type RawData } from 'ws';
import type { ProtocolVersion } from '../protocol/packet.ts';
import { Queue } from '../util/queue.ts';
import { type DialWatch, watchSocket } from './dial-watch.ts';
import { TCP_KEEP_ALIVE } from './opened.ts';
import { bytesOf, type Chunk } from '../util/chunk.ts';
import { Slices } from './slices.ts';
import { nodeTlsOptions, type TlsOptions } from './tls.ts';
import type { Transport, TransportHandlers } from './transport.ts';

/** Bytes that may wait in a WebSocket before `write` answers false. */
const HIGH_WATER_MARK = 65_536;

export interface WebSocketOptions {
  /** `ws://` or `wss://`, with host, port and path. */
  readonly url: string;
  /** `mqtt`, or `mqttv3.1` for MQTT 3.1 [MQTT-6.0.0-3]. */
  readonly subprotocol: string;
  readonly tls: TlsOptions;
  /** A proxy, if there is one. */
  readonly agent?: Agent | undefined;
  /** Bytes of one WebSocket message that we accept at most. */
  readonly maximumMessageSize: number;
  readonly watch?: DialWatch | undefined;
}

/** The sub-protocol of a version [MQTT-6.0.0-3]. */
export function subprotocolOf(version: ProtocolVersion): string {
  return version === 3 ? 'mqttv3.1' : 'mqtt';
}

/** Opens a WebSocket connection (section 6). Rejects with the error of socket, TLS or upgrade, or when aborted. */
export async function dialWebSocket(options: WebSocketOptions, signal: AbortSignal): Promise<Transport> {
  const { hostname } = new URL(options.url);
  const socket = new WebSocket(options.url, [options.subprotocol], {
    ...nodeTlsOptions(hostname.replace(/^\[|\]$/g, ''), options.tls),
    ...(options.agent !== undefined && { agent: options.agent }),
    perMessageDeflate: false,
    maxPayload: options.maximumMessageSize,
    ...(options.watch !== undefined && { finishRequest: watched(options.watch, options.agent !== undefined) }),
  });
  socket.once('upgrade', (response) => {
    response.socket.setKeepAlive(TCP_KEEP_ALIVE.keepAlive, TCP_KEEP_ALIVE.keepAliveInitialDelay);
  });
  await openedWebSocket(socket, signal);
  return new WebSocketTransport(socket);
}

/** Tells what happens to the socket of a request, which a proxy hands out only when it has opened the way. */
function watched(watch: DialWatch, isProxied: boolean): (request: ClientRequest) => void {
  return (request) => {
    request.once('socket', (socket) => {
      if (isProxied) watch({ kind: 'tunnelled' });
      watchSocket(socket, watch);
    });
    request.end();
  };
}

/** Resolves when the WebSocket is open, and paused. */
function openedWebSocket(socket: WebSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => fail(signal.reason as Error);
    socket.once('open', succeed);
    socket.once('error', fail);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });

    function succeed(): void {
      release();
      // Now, and not when the promise is looked at: the first frames may lie in the chunk of the upgrade.
      socket.pause();
      resolve();
    }
    function fail(reason: Error): void {
      release();
      // `terminate` before the upgrade emits one more error.
      socket.on('error', () => undefined);
      socket.terminate();
      reject(reason);
    }
    function release(): void {
      socket.off('open', succeed);
      socket.off('error', fail);
      signal.removeEventListener('abort', abort);
    }
  });
}

class WebSocketTransport implements Transport {
  readonly #socket: WebSocket;
  /** What the WebSocket was not given yet. */
  readonly #slices = new Slices();
  #failure: Error | undefined;
  #handlers: TransportHandlers | undefined;
  #blocked = false;
  #paused = false;
  /** Whether we have asked for the end. */
  #ending = false;
  /** Messages of the chunk that was being read when `pause` was called: a WebSocket tells them all the same. */
  readonly #unread = new Queue<Buffer>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    // A listener that is never removed: a late error must not become an uncaught exception.
    socket.on('error', (error) => {
      this.#failure ??= error;
    });
    // The WebSocket ends itself when too many answers wait, and says nothing of it.
    socket.on('ping', () => {
      if (this.#ending || socket.readyState !== WebSocket.CLOSING) return;
      this.#failure ??= new Error('broker sent WebSocket pings faster than it took the answers');
    });
  }

  start(handlers: TransportHandlers): void {
    this.#handlers = handlers;
    this.#socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    this.#socket.once('close', () => this.#closed(handlers));
    this.#socket.resume();
  }

  write(chunks: readonly Chunk[]): boolean {
    this.#slices.push(chunks);
    this.#feed();
    this.#blocked = this.#full;
    return !this.#blocked;
  }

  /** A WebSocket does not tell. */
  readonly hasWritten = false;

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // Later, as a socket does it: who resumes is not called back from within.
    process.nextTick(() => this.#readOn());
  }

  end(): void {
    this.#ending = true;
    for (let slice = this.#slices.shift(); slice !== undefined; slice = this.#slices.shift())
      this.#socket.send(bytesOf(slice));
    this.resume();
    this.#socket.close(1000);
  }

  destroy(): void {
    this.#ending = true;
    this.#socket.terminate();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (!isBinary) {
      // [MQTT-6.0.0-1] any other data frame than a binary one: the connection is closed.
      this.#failure = new Error('broker sent a WebSocket text frame');
      this.#socket.terminate();
      return;
    }
    const chunk = asBuffer(data);
    if (this.#paused || this.#unread.length > 0) this.#unread.push(chunk);
    else this.#handlers?.data(chunk);
  }

  #readOn(): void {
    while (!this.#paused && this.#unread.length > 0) this.#handOn();
    if (!this.#paused) this.#socket.resume();
  }

  #handOn(): void {
    const chunk = this.#unread.shift();
    if (chunk !== undefined) this.#handlers?.data(chunk);
  }

  #closed(handlers: TransportHandlers): void {
    while (this.#unread.length > 0) this.#handOn();
    this.#handlers = undefined;
    handlers.closed(this.#failure);
  }

  get #full(): boolean {
    return !this.#slices.empty || this.#socket.bufferedAmount > HIGH_WATER_MARK;
  }

  #feed(): void {
    while (!this.#slices.empty && this.#socket.bufferedAmount <= HIGH_WATER_MARK) {
      const slice = this.#slices.shift();
      if (slice !== undefined) this.#socket.send(bytesOf(slice), this.#sent);
    }
  }

  readonly #sent = (): void => {
    if (!this.#blocked) return;
    this.#handlers?.progress();
    this.#feed();
    if (this.#full) return;
    this.#blocked = false;
    this.#handlers?.drain();
  };
}

function asBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
