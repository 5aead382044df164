import { bytesOf, type Chunk } from '../../src/util/chunk.ts';
import type { Transport, TransportHandlers } from '../../src/transport/transport.ts';
import { type Random, wholeNumber } from '../support/random.ts';
import type { Judge } from './judge.ts';
import { type ClientPacket, ClientPackets } from './server-codec.ts';
import type { Sent } from './sent.ts';
import { IO, type VirtualTime } from './virtual-time.ts';

/** How a link treats bytes; chances from 0 to 1, times in milliseconds. */
export interface Manner {
  readonly leastDelay: number;
  readonly mostDelay: number;
  /** That a write is split at some bytes. */
  readonly split: number;
  /** That what arrives together is handed over as one chunk. */
  readonly merge: number;
  /** That a write fills the socket for a while. */
  readonly block: number;
}

/** Who hears of a cut first; `silent`: nobody ever does, it is half-open. */
export type CutMode = 'both' | 'client-first' | 'server-first' | 'silent';

export type Direction = 'to-server' | 'to-client';

/** The Server's end. */
export interface LinkEnd {
  packet(packet: ClientPacket): void;
  /** Once and last. */
  closed(): void;
}

/** Sees both ends of a connection at once. */
export interface LinkWatch {
  /** The client gave it to its socket. */
  wrote(packet: ClientPacket): void;
  /** Its last byte is given to the client now. */
  got(sent: Sent): void;
  /** Nothing written from now on needs to arrive. */
  failed(): void;
  /** The client hears of the end. */
  ended(): void;
}

interface Piece {
  readonly at: number;
  /** Undefined: the end. */
  readonly bytes: Buffer | undefined;
}

/** One Network Connection: two ordered streams that split, merge, delay, and end at any byte. */
export class Link implements Transport {
  readonly #time: VirtualTime;
  readonly #judge: Judge;
  readonly #manner: Manner;
  readonly #random: Random;
  readonly #watch: LinkWatch;
  #end: LinkEnd | undefined;
  #handlers: TransportHandlers | undefined;

  // To the Server.
  readonly #written = new ClientPackets();
  readonly #packets: { readonly packet: ClientPacket; readonly end: number }[] = [];
  #arrived = 0;
  #latestAtServer = 0;
  #serverDeaf = false;
  #serverTold = false;
  #blocked = false;

  // To the client.
  readonly #pieces: Piece[] = [];
  readonly #sent: { readonly sent: Sent; readonly end: number }[] = [];
  #sentBytes = 0;
  #given = 0;
  #latestAtClient = 0;
  #clientDeaf = false;
  #clientTold = false;
  #paused = false;

  /** Bytes after which the link breaks, by direction. */
  readonly #limits: Record<Direction, number> = { 'to-server': Infinity, 'to-client': Infinity };
  #limitMode: CutMode = 'both';

  constructor(time: VirtualTime, judge: Judge, manner: Manner, random: Random, watch: LinkWatch) {
    this.#time = time;
    this.#judge = judge;
    this.#manner = manner;
    this.#random = random;
    this.#watch = watch;
  }

  /** To be called once, before anything else. */
  accept(end: LinkEnd): void {
    this.#end = end;
  }

  start(handlers: TransportHandlers): void {
    this.#handlers = handlers;
  }

  /** The memory is free behind the call. */
  readonly hasWritten = true;

  write(chunks: readonly Chunk[]): boolean {
    let length = 0;
    for (const given of chunks) {
      const chunk = Buffer.from(bytesOf(given));
      length += chunk.length;
      this.#written.push(chunk, (packet, end) => {
        this.#packets.push({ packet, end });
        this.#watch.wrote(packet);
      });
    }
    for (const size of this.#split(length)) {
      this.#latestAtServer = this.#arrival(this.#latestAtServer);
      this.#time.at(this.#latestAtServer - this.#time.now, IO, () => this.#arrive(size));
    }
    if (!this.#blocked && this.#random() < this.#manner.block) this.#block();
    return !this.#blocked;
  }

  end(): void {
    this.#time.at(this.#arrival(this.#latestAtServer) - this.#time.now, IO, () => {
      if (this.#serverDeaf) return;
      this.#tellServer(0);
      this.#tellClient(undefined, wholeNumber(this.#random, 0, this.#manner.mostDelay));
    });
  }

  destroy(): void {
    this.#watch.ended();
    this.#clientDeaf = true;
    this.#tellClient(undefined, 0);
    if (this.#serverDeaf) return;
    // What was on its way may arrive, or the reset overtakes it.
    if (this.#random() < 0.5) this.#serverDeaf = true;
    this.#tellServer(Math.max(0, this.#latestAtServer - this.#time.now));
  }

  /** The client's process is gone: the system ends the connection, and nobody there hears of it. */
  abandon(): void {
    this.#clientTold = true;
    this.destroy();
  }

  /** Stops handing over what arrives. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#pieces.length > 0) this.#time.at(0, IO, () => this.#deliver());
  }

  /** The Server sends. */
  send(bytes: Buffer, sent: Sent): void {
    this.#sentBytes += bytes.length;
    this.#sent.push({ sent, end: this.#sentBytes });
    let start = 0;
    for (const size of this.#split(bytes.length)) {
      this.#queue(bytes.subarray(start, start + size));
      start += size;
    }
  }

  /** The Server ends the connection behind what it sent. */
  hangUp(): void {
    this.#watch.failed();
    this.#serverDeaf = true;
    this.#serverTold = true;
    this.#queue(undefined);
  }

  cut(mode: CutMode): void {
    if (this.#clientTold || this.#serverTold) return;
    this.#judge.note(() => `-- the link is cut (${mode})`);
    this.#watch.failed();
    if (mode !== 'server-first') this.#clientDeaf = true;
    if (mode !== 'client-first') this.#serverDeaf = true;
    if (mode === 'silent') return;
    const reset = new Error('read ECONNRESET');
    const later = this.#manner.mostDelay;
    const atClient = mode === 'server-first' ? this.#latestAtClient - this.#time.now + 1 : 0;
    const atServer = mode === 'client-first' ? this.#latestAtServer - this.#time.now + 1 : 0;
    this.#tellClient(reset, Math.max(atClient, mode === 'client-first' ? 0 : wholeNumber(this.#random, 0, later)));
    this.#tellServer(Math.max(atServer, mode === 'server-first' ? 0 : wholeNumber(this.#random, 0, later)));
  }

  /** Breaks behind so many more bytes. */
  cutAfter(direction: Direction, bytes: number, mode: CutMode): void {
    this.#limits[direction] = bytes;
    this.#limitMode = mode;
  }

  /** Breaks no more. */
  calm(): void {
    this.#limits['to-server'] = Infinity;
    this.#limits['to-client'] = Infinity;
  }

  #block(): void {
    this.#blocked = true;
    this.#time.at(wholeNumber(this.#random, 1, 60), IO, () => {
      this.#blocked = false;
      if (!this.#clientTold) this.#handlers?.drain();
    });
  }

  #arrive(size: number): void {
    if (this.#serverDeaf) return;
    const taken = Math.min(size, this.#limits['to-server']);
    this.#arrived += taken;
    this.#limits['to-server'] -= taken;
    for (let next = this.#packets[0]; next !== undefined && next.end <= this.#arrived; next = this.#packets[0]) {
      this.#packets.shift();
      this.#end?.packet(next.packet);
      // The Server may have hung up on it.
      if (this.#serverDeaf) return;
    }
    if (taken < size) this.#break('to-server');
  }

  /** In the middle of what was on its way: nothing behind it arrives. */
  #break(direction: Direction): void {
    if (direction === 'to-server') this.#serverDeaf = true;
    else this.#clientDeaf = true;
    this.cut(this.#limitMode);
  }

  #queue(bytes: Buffer | undefined): void {
    this.#latestAtClient = this.#arrival(this.#latestAtClient);
    this.#pieces.push({ at: this.#latestAtClient, bytes });
    this.#time.at(this.#latestAtClient - this.#time.now, IO, () => this.#deliver());
  }

  #deliver(): void {
    const merged: Buffer[] = [];
    while (!this.#paused) {
      const piece = this.#pieces[0];
      if (piece === undefined || piece.at > this.#time.now) break;
      this.#pieces.shift();
      if (piece.bytes === undefined) this.#time.at(0, IO, () => this.#tellClient(undefined, 0));
      else if (this.#random() < this.#manner.merge) merged.push(piece.bytes);
      else this.#give([...merged.splice(0), piece.bytes]);
    }
    this.#give(merged);
  }

  #give(pieces: readonly Buffer[]): void {
    const first = pieces[0];
    if (first === undefined || this.#clientDeaf || this.#clientTold) return;
    const whole = pieces.length === 1 ? first : Buffer.concat(pieces);
    const limit = this.#limits['to-client'];
    const chunk = whole.length > limit ? whole.subarray(0, limit) : whole;
    this.#limits['to-client'] -= chunk.length;
    this.#given += chunk.length;
    for (let next = this.#sent[0]; next !== undefined && next.end <= this.#given; next = this.#sent[0]) {
      this.#sent.shift();
      this.#watch.got(next.sent);
    }
    if (chunk.length > 0) this.#read(chunk);
    if (whole.length > limit) this.#break('to-client');
  }

  /** As a socket reads: the memory is another chunk's behind the call. */
  #read(bytes: Buffer): void {
    const chunk = Buffer.from(bytes);
    this.#handlers?.data(chunk);
    chunk.fill(0xdd);
  }

  #tellClient(cause: Error | undefined, delay: number): void {
    this.#time.at(delay, IO, () => {
      if (this.#clientTold) return;
      this.#clientTold = true;
      this.#watch.ended();
      this.#handlers?.closed(cause);
    });
  }

  #tellServer(delay: number): void {
    this.#time.at(delay, IO, () => {
      this.#serverDeaf = true;
      if (this.#serverTold) return;
      this.#serverTold = true;
      this.#end?.closed();
    });
  }

  #arrival(latest: number): number {
    const { leastDelay, mostDelay } = this.#manner;
    return Math.max(latest, this.#time.now + wholeNumber(this.#random, leastDelay, mostDelay));
  }

  #split(length: number): number[] {
    if (length < 2 || this.#random() >= this.#manner.split) return [length];
    const first = wholeNumber(this.#random, 1, length - 1);
    return [first, length - first];
  }
}
