import { Aedes } from 'aedes';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { HOST } from './ports.mjs';
import { retainedFirst } from './retained-first.mjs';

/**
 * An MQTT 3.1.1 broker in memory, for this computer only.
 *
 * @param {number} port a free one
 * @returns {Promise<{ close(): Promise<void> }>} once it listens; `close` drops its clients
 */
export async function startBroker(port) {
  const aedes = await Aedes.createBroker();
  retainedFirst(aedes);
  const server = createServer(aedes.handle);
  server.listen(port, HOST);
  await once(server, 'listening');
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      await new Promise((resolve) => {
        aedes.close(resolve);
      });
      await closed;
    },
  };
}
