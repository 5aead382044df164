import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How much of a chunk may pass, and whether the connection is cut behind it. */
export interface Admission {
  readonly bytes: number;
  readonly cut: boolean;
}

/** The side for which bytes are on their way. */
export type Side = 'client' | 'server';

/** The orders that hold for every connection through a proxy; read anew for each chunk. */
export interface Passage {
  /** By the side that it is for: nothing passes before this settles. */
  readonly thawed: Readonly<Partial<Record<Side, Promise<void>>>>;
  readonly delayMs: number;
  readonly trickle: boolean;
  /** Asked once for each chunk, or each byte of a trickle. */
  admit(bytes: number): Admission;
}

/** Sees what crosses one connection: bytes of the client when they come to the proxy, those for it when they leave. */
export interface Tap {
  fromClient(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  /** Asked before bytes pass: the connection is cut behind so many of them; undefined: not within them. */
  cutWithin?(bytes: Buffer, towards: Side): number | undefined;
}

/** One connection through a proxy: a socket on each side, and the bytes carried between them in both directions. */
export class FaultLink {
  /** Settles when both sockets are closed. Never rejects. */
  readonly over: Promise<void>;

  readonly #sockets: readonly [Socket, Socket];
  readonly #passage: Passage;
  readonly #tap: Tap | undefined;
  readonly #ending = new AbortController();

  constructor(client: Socket, server: Socket, passage: Passage, tap?: Tap) {
    this.#tap = tap;
    this.#sockets = [client, server];
    this.#passage = passage;
    this.over = bothClosed(client, server);
    for (const socket of this.#sockets) {
      socket.on('error', () => this.cut()); // a side that failed is a connection that is lost, for both
    }
    void this.#carry(client, server); // never rejects, as with the other direction
    void this.#carry(server, client);
  }

  /** Ends both sides at once, without a word. */
  cut(): void {
    this.#ending.abort();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  async #carry(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        if (from === this.#sockets[0]) this.#tap?.fromClient(chunk as Buffer);
        await this.#pass(chunk as Buffer, to);
      }
      to.end(); // a half-closed connection passes as such
    } catch {
      this.cut(); // the socket failed or was cut: nothing can pass any more
    }
  }

  async #pass(chunk: Buffer, to: Socket): Promise<void> {
    const size = this.#passage.trickle ? 1 : chunk.length;
    for (let start = 0; start < chunk.length; start += size) {
      await this.#wait(to);
      await this.#write(chunk.subarray(start, start + size), to);
    }
  }

  async #wait(to: Socket): Promise<void> {
    await this.#passage.thawed[this.#sideOf(to)];
    if (this.#passage.delayMs > 0) {
      await sleep(this.#passage.delayMs, undefined, { signal: this.#ending.signal });
    }
  }

  async #write(piece: Buffer, to: Socket): Promise<void> {
    this.#ending.signal.throwIfAborted();
    const { bytes, cut } = this.#admit(piece, to);
    const admitted = piece.subarray(0, bytes);
    if (to === this.#sockets[0]) this.#tap?.toClient(admitted);
    const accepted = to.write(admitted);
    if (cut) {
      this.cut();
    } else if (!accepted) {
      await once(to, 'drain', { signal: this.#ending.signal });
    }
  }

  /** The cut that comes first. */
  #admit(piece: Buffer, to: Socket): Admission {
    const end = this.#tap?.cutWithin?.(piece, this.#sideOf(to));
    const admission = this.#passage.admit(end ?? piece.length);
    return end === undefined ? admission : { ...admission, cut: true };
  }

  #sideOf(socket: Socket): Side {
    return socket === this.#sockets[0] ? 'client' : 'server';
  }
}

async function bothClosed(client: Socket, server: Socket): Promise<void> {
  await Promise.all([closed(client), closed(server)]);
}

async function closed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
}
