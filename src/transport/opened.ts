import type { Socket } from 'node:net';

/**
 * The system asks a silent peer after a minute, and not after the two hours that are its default: without the Keep Alive
 * of MQTT nothing else would find out that it is gone.
 */
export const TCP_KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 60_000 } as const;

/**
 * Waits until `socket` emits `event`. Rejects with its error, or with the signal's reason; then the socket is destroyed.
 */
export function opened(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => fail(signal.reason as Error);
    // A socket may fail again while it is torn down; that must not be an uncaught exception.
    const ignore = (): void => undefined;
    socket.once(event, succeed);
    socket.once('error', fail);
    socket.once('close', closed);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });

    function succeed(): void {
      release();
      resolve();
    }
    function closed(): void {
      fail(new Error('the connection was closed before it was established'));
    }
    function fail(reason: Error): void {
      release();
      socket.on('error', ignore);
      socket.destroy();
      reject(reason);
    }
    function release(): void {
      socket.off(event, succeed);
      socket.off('error', fail);
      socket.off('close', closed);
      signal.removeEventListener('abort', abort);
    }
  });
}
