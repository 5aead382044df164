import type { Chunk } from '../util/chunk.ts';
import { Queue } from '../util/queue.ts';

/** Where the records are that bytes rest on: as `SessionStore` has it. */
export interface Records {
  readonly isDurable: boolean;
  commit(durable: () => void): void;
}

/** Called when bytes have left; what it answers is called behind that, when the same is known of all that left with them. */
export type Left = () => (() => void) | undefined;

/** What was collected in one turn, and may leave when what it rests on is durable. */
interface Sealed {
  readonly chunks: readonly Chunk[];
  readonly bytes: number;
  readonly left: readonly Left[];
  durable: boolean;
}

/** Bytes that may leave now. */
export interface Ready {
  readonly chunks: readonly Chunk[];
  readonly bytes: number;
  /** To be called, in order, when they have. */
  readonly left: readonly Left[];
}

/** Bytes in their order, each until the records that it rests on are durable (4.1: what we know of a session survives). */
export class CommitGate {
  readonly #records: Records;
  readonly #opened: () => void;
  readonly #sealed = new Queue<Sealed>();
  #bytes = 0;
  #closed = false;

  /** @param opened called when something may leave that could not when it was sealed. */
  constructor(records: Records, opened: () => void) {
    this.#records = records;
    this.#opened = opened;
  }

  /** Whether bytes may leave as they are: nothing waits, and they rest on nothing that is not durable. */
  get isOpen(): boolean {
    return this.#sealed.length === 0 && this.#records.isDurable;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param left called when these bytes have left, which they never do when the gate is closed before. */
  seal(chunks: readonly Chunk[], bytes: number, left: readonly Left[]): void {
    const sealed: Sealed = { chunks, bytes, left, durable: false };
    this.#sealed.push(sealed);
    this.#bytes += bytes;
    let sealing = true;
    this.#records.commit(() => {
      sealed.durable = true;
      if (!sealing && !this.#closed) this.#opened();
    });
    sealing = false;
  }

  /** What may leave now; undefined: nothing. */
  take(): Ready | undefined {
    const chunks: Chunk[] = [];
    const left: Left[] = [];
    let bytes = 0;
    for (let head = this.#sealed.peek(); head?.durable === true; head = this.#sealed.peek()) {
      this.#sealed.shift();
      chunks.push(...head.chunks);
      bytes += head.bytes;
      left.push(...head.left);
    }
    this.#bytes -= bytes;
    return bytes === 0 && left.length === 0 ? undefined : { chunks, bytes, left };
  }

  /** Nothing leaves any more. */
  close(): void {
    this.#closed = true;
    this.#sealed.drain();
    this.#bytes = 0;
  }
}
