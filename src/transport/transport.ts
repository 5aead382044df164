import type { Chunk } from '../util/chunk.ts';

/** What a transport tells its one user. Nothing is called after `closed`. */
export interface TransportHandlers {
  /** Bytes arrived, split in whatever way; valid during the call alone. Not while paused, except right before `closed`. */
  data(chunk: Buffer): void;
  /** The transport can take more, after `write` answered false. */
  drain(): void;
  /** After `write` answered false: the network took some of what waits, so the peer is there and reads. */
  progress(): void;
  /** The connection is gone; called exactly once. Without a cause the peer or we ended it in an orderly way. */
  closed(cause?: Error): void;
}

/** An ordered, lossless byte stream to the Server (4.2), already open. Made by {@link dial}, never reused. */
export interface Transport {
  /** Begins delivery; what arrived before waits. To be called once, in the turn in which the dial resolves. */
  start(handlers: TransportHandlers): void;
  /** Takes all chunks, in order. False: no more until `drain`, or memory grows. */
  write(chunks: readonly Chunk[]): boolean;
  /** Nobody needs the memory of what was written any more. */
  readonly hasWritten: boolean;
  /**
   * No `data` from now on, in this turn either: what the peer sends waits in the network, which slows the peer down.
   * Its orderly end waits behind it. Pausing twice is pausing once.
   */
  pause(): void;
  /** `data` comes again, in a later call: nothing is lost, and the order is kept. */
  resume(): void;
  /** Sends what was written, then ends; a pause is over. */
  end(): void;
  /** Ends at once; what is unsent is lost. */
  destroy(): void;
}
