import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A running aedes broker: MQTT 3.1 and 3.1.1 only, everything in memory. */
export interface AedesBroker {
  readonly port: number;
  /** The address for a client, such as `mqtt://127.0.0.1:40123`. */
  readonly url: string;
  /** Ends every connection without a word; the port is the same when {@link AedesBroker.cut} is all that happens. */
  cut(): void;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
}

/** Starts an aedes broker inside this process, on a free port of 127.0.0.1. */
export async function startAedesBroker(): Promise<AedesBroker> {
  const { Aedes } = await import('aedes'); // an ES module, which CommonJS on Node 20 cannot require
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  const close = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
    await new Promise<void>((resolve) => {
      aedes.close(resolve);
    });
  };
  return { port, url: `mqtt://127.0.0.1:${port}`, cut, close };
}
