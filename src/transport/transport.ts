/** What a transport tells its one user. Nothing is called after `closed`. */
export interface TransportHandlers {
  /** Bytes arrived, split in whatever way. */
  data(chunk: Buffer): void;
  /** The transport can take more, after `write` answered false. */
  drain(): void;
  /** The connection is gone; called exactly once. Without a cause the peer or we ended it in an orderly way. */
  closed(cause?: Error): void;
}

/** An ordered, lossless byte stream to the Server (4.2), already open. Made by {@link dial}, never reused. */
export interface Transport {
  /** Begins delivery; what arrived before waits. To be called once, in the turn in which the dial resolves. */
  start(handlers: TransportHandlers): void;
  /** Takes all chunks, in order. False: no more until `drain`, or memory grows. */
  write(chunks: readonly Buffer[]): boolean;
  /** No more `data` until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then ends. */
  end(): void;
  /** Ends at once; what is unsent is lost. */
  destroy(): void;
}
