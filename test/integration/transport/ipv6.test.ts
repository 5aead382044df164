import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { ca, serverPair } from '../../support/certificates/certificates.ts';
import { phase, useBench } from '../../support/client-bench.ts';
import type { FakeBrokerOptions } from '../../support/fake-broker.ts';

describe('IPv6', () => {
  const bench = useBench();
  const sockets = new Set<Socket>();
  let relay: Server;
  let target = 0;

  before(async function () {
    relay = createServer((socket) => {
      const onward = connect(target, '127.0.0.1');
      for (const end of [socket, onward]) sockets.add(end.on('error', () => undefined));
      socket.pipe(onward).pipe(socket);
    });
    relay.listen(0, '::1');
    try {
      await once(relay, 'listening');
    } catch (error) {
      assert.match(String(error), /EADDRNOTAVAIL|EAFNOSUPPORT/);
      this.skip(); // this machine has no IPv6 loopback
    }
  });

  after(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });

  for (const [scheme, options] of [
    ['mqtt', {}],
    ['mqtts', { tls: serverPair }],
    ['ws', { webSocket: true }],
    ['wss', { webSocket: true, tls: serverPair }],
  ] as const satisfies readonly (readonly [string, FakeBrokerOptions])[]) {
    it(`${scheme} reaches [::1]`, async () => {
      const broker = await bench.broker({ ...options, autoRespond: {} });
      target = broker.port;
      const client = bench.client(`${scheme}://[::1]:${(relay.address() as AddressInfo).port}`, { tls: { ca } });
      client.connect();
      const { server } = await phase(client, 'connected');
      assert.match(server, /\/\/\[::1\]:\d+$/);
    });
  }
});
