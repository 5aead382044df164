import type { Socket } from 'node:net';
import type { Transport, TransportHandlers } from './transport.ts';

/** A `net` or `tls` socket as a {@link Transport}. The socket is connected, and an error listener is on it already. */
export function streamTransport(socket: Socket): Transport {
  let failure: Error | undefined;
  // A listener that is never removed: a socket's late error must not become an uncaught exception.
  socket.on('error', (error) => {
    failure = error;
  });
  return {
    start(handlers: TransportHandlers): void {
      socket.on('data', (chunk: Buffer) => handlers.data(chunk));
      socket.on('drain', () => handlers.drain());
      // `allowHalfOpen` is off: the end of the peer's side ends ours, and `close` follows.
      socket.once('close', () => handlers.closed(failure));
    },
    write(chunks): boolean {
      if (chunks.length === 1 && chunks[0] !== undefined) return socket.write(chunks[0]);
      socket.cork();
      for (const chunk of chunks) socket.write(chunk);
      socket.uncork();
      return !socket.writableNeedDrain;
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}
