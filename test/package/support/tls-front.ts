import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { type TLSSocket, createServer } from 'node:tls';
import type { KeyPair } from '../../support/certificates/certificates.ts';

/** A TLS server on 127.0.0.1 in front of a broker that speaks none. */
export interface TlsFront {
  readonly port: number;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
}

export async function startTlsFront(brokerPort: number, { cert, key }: KeyPair): Promise<TlsFront> {
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert, key }, (socket) => {
    const broker = connect(brokerPort, '127.0.0.1');
    sockets.add(socket);
    // Either side may break off at the end of a test; each then takes the other with it.
    socket.on('error', () => broker.destroy()).on('close', () => broker.destroy());
    broker.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.pipe(broker).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { port, close };
}
