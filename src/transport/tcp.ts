import { connect } from 'node:net';
import { type DialWatch, watchSocket } from './dial-watch.ts';
import { Reception } from './reception.ts';
import { streamTransport } from './stream-transport.ts';
import type { Transport } from './transport.ts';
import { opened, TCP_KEEP_ALIVE } from './opened.ts';

/** Opens a TCP connection. Rejects with the system's error, or when `signal` is aborted. */
export async function dialTcp(host: string, port: number, signal: AbortSignal, watch?: DialWatch): Promise<Transport> {
  const reception = new Reception();
  const socket = connect({ host, port, noDelay: true, ...TCP_KEEP_ALIVE, onread: reception.onread });
  reception.by(socket);
  if (watch !== undefined) watchSocket(socket, watch);
  await opened(socket, 'connect', signal);
  return streamTransport(socket, reception);
}
