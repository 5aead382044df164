import assert from 'node:assert/strict';
import { bytesOf } from '../../src/util/chunk.ts';
import type { Transport, TransportHandlers } from '../../src/transport/transport.ts';

/** The other end of a {@link Transport} in memory: what the client did to it, and what the network does to the client. */
export interface Peer {
  /** The chunks of each write. */
  readonly writes: (readonly Buffer[])[];
  /** `end` and `destroy` in the order of their calls, and every write after the first of them. */
  readonly endings: ('end' | 'destroy' | 'write after end')[];
  /** What the next writes answer: false is back-pressure. Default true. */
  accepts: boolean;
  /** Everything that was written since the last call. */
  taken(): Buffer;
  /** Whether the client reads; what is sent meanwhile waits until it does. */
  readonly paused: boolean;
  send(...chunks: readonly Buffer[]): void;
  /** The network took some of what waits. */
  progress(): void;
  drain(): void;
  closed(cause?: Error): void;
}

/** A transport without a socket: every call is synchronous, and nothing happens that the test does not do. */
export function duplexPair(): { readonly transport: Transport; readonly peer: Peer } {
  let handlers: TransportHandlers | undefined;
  let read = 0;
  let paused = false;
  const waiting: Buffer[] = [];
  const deliver = (): void => {
    for (let next = paused ? undefined : waiting.shift(); next; next = paused ? undefined : waiting.shift()) {
      // As a socket reads: the memory is another chunk's behind the call.
      const chunk = Buffer.from(next);
      started().data(chunk);
      chunk.fill(0xdd);
    }
  };
  const started = (): TransportHandlers => {
    assert.ok(handlers, 'the transport was not started');
    return handlers;
  };
  const peer: Peer = {
    writes: [],
    endings: [],
    accepts: true,
    taken() {
      const bytes = Buffer.concat(peer.writes.slice(read).flat());
      read = peer.writes.length;
      return bytes;
    },
    get paused() {
      return paused;
    },
    send(...chunks) {
      waiting.push(...chunks);
      deliver();
    },
    progress: () => started().progress(),
    drain: () => started().drain(),
    closed: (cause) => started().closed(cause),
  };
  const transport: Transport = {
    start(given) {
      assert.equal(handlers, undefined, 'a transport is started once');
      handlers = given;
    },
    // As a socket whose peer reads: the memory is free behind the call.
    hasWritten: true,
    write(chunks) {
      if (peer.endings.length > 0) peer.endings.push('write after end');
      peer.writes.push(chunks.map((chunk) => Buffer.from(bytesOf(chunk))));
      return peer.accepts;
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      deliver();
    },
    end() {
      peer.endings.push('end');
      transport.resume();
    },
    destroy: () => void peer.endings.push('destroy'),
  };
  return { transport, peer };
}
