import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { parser } from 'mqtt-packet';
import { delivered, Mailbox, phase, publish, subscribe, useBench } from '../../support/client-bench.ts';
import { settle, until } from '../../support/events.ts';
import { aPublish } from '../../support/packets.ts';

const SLOW = { backoff: { initial: 60_000, maximum: 60_000 } } as const;

describe('WebSocket', () => {
  const bench = useBench();

  for (const [protocolVersion, subProtocol] of [
    [3, 'mqttv3.1'],
    [4, 'mqtt'],
    [5, 'mqtt'],
  ] as const) {
    it(`offers the sub-protocol ${subProtocol} for version ${protocolVersion}, and the path [MQTT-6.0.0-3]`, async () => {
      const broker = await bench.broker({ webSocket: true, subProtocol });
      const client = bench.client(`${broker.url}/some/path?key=1`, { protocolVersion });
      client.connect();
      const peer = await broker.accept();
      await peer.handshake();
      await phase(client, 'connected');
      assert.equal(peer.upgradeRequest?.headers['sec-websocket-protocol'], subProtocol);
      assert.equal(peer.upgradeRequest?.url, '/some/path?key=1');
    });
  }

  it('a server that agrees to no sub-protocol is refused [MQTT-6.0.0-4]', async () => {
    const broker = await bench.broker({ webSocket: true, subProtocol: false });
    const client = bench.client(broker.url, SLOW);
    client.connect();
    const { cause } = await phase(client, 'waiting');
    assert.match(cause.message, /subprotocol/);
    for (const peer of broker.peers) {
      await until(() => peer.socket.destroyed, 'the connection ends');
      assert.equal(peer.received.length, 0);
    }
  });

  it('a server that answers with another HTTP status is refused, and the status told', async () => {
    const server = createServer();
    server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = bench.client(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, SLOW);
    client.connect();
    const { cause } = await phase(client, 'waiting');
    assert.match(cause.message, /403/);
    server.close();
  });

  it('messages cross, also when packets span frames and share them [MQTT-6.0.0-2]', async () => {
    const broker = await bench.broker({ webSocket: true });
    const client = bench.client(broker.url);
    const mailbox = new Mailbox();
    subscribe(client, 't', mailbox);
    client.connect();
    const peer = await broker.accept();
    peer.autoRespond();
    await mailbox.outcomes.take('no SUBACK');
    await peer.trickle(peer.encode(aPublish({ payload: 'byte by byte' })));
    const two = ['one', 'two'].map((payload) => peer.encode(aPublish({ payload })));
    peer.sendBytes(Buffer.concat(two));
    await until(() => mailbox.messages.length === 3, 'three came');
    assert.deepEqual(mailbox.texts, ['byte by byte', 'one', 'two']);
    await delivered(publish(client, { qos: 2 }));
  });

  describe('frames', () => {
    let server: WebSocketServer;

    beforeEach(async () => {
      server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'mqtt' });
      await once(server, 'listening');
    });

    afterEach(async () => {
      for (const socket of server.clients) socket.terminate();
      server.close();
      await once(server, 'close');
    });

    /** Answers CONNECT with a CONNACK in one binary frame, and gives the server's end. */
    async function connected(options: Partial<Parameters<typeof bench.client>[1]> = {}): Promise<{
      client: ReturnType<typeof bench.client>;
      socket: WebSocket;
    }> {
      const client = bench.client(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { ...SLOW, ...options });
      client.connect();
      const [socket] = (await once(server, 'connection')) as [WebSocket];
      const packets = parser();
      packets.on('packet', ({ cmd }) => {
        if (cmd === 'connect') socket.send(Buffer.from('2003000000', 'hex'));
      });
      socket.on('message', (data: Buffer) => packets.parse(data));
      await phase(client, 'connected');
      return { client, socket };
    }

    it('every frame of ours is binary [MQTT-6.0.0-1]', async () => {
      const binary: boolean[] = [];
      server.on('connection', (socket) => {
        socket.on('message', (_data, isBinary) => void binary.push(isBinary));
      });
      const { client, socket } = await connected();
      publish(client, { payload: 'text', qos: 0 });
      await client.disconnect();
      if (socket.readyState !== socket.CLOSED) await once(socket, 'close');
      assert.ok(binary.length >= 2, `${binary.length} frames came`);
      assert.deepEqual(new Set(binary), new Set([true]));
    });

    it('a text frame ends the connection [MQTT-6.0.0-1]', async () => {
      const { client, socket } = await connected();
      const closed = once(socket, 'close');
      socket.send('text');
      const { cause } = await phase(client, 'waiting');
      assert.match(cause.message, /text frame/);
      await closed;
    });

    it('a frame above the maximum packet size is refused before its body', async () => {
      const { client, socket } = await connected({ maximumPacketSize: 1000 });
      socket.send(Buffer.alloc(100_000));
      const { cause } = await phase(client, 'waiting');
      assert.match(cause.message, /payload size exceeded/i);
    });

    it('a server that pings and does not read is left, and the reason told', async () => {
      const { client, socket } = await connected();
      socket.pause();
      while (client.state.phase === 'connected') {
        for (let count = 0; count < 5000; count += 1) socket.ping(Buffer.alloc(125));
        await settle(1);
      }
      const { cause } = await phase(client, 'waiting');
      assert.match(cause.message, /broker sent WebSocket pings faster than it took the answers/);
    });

    it('an orderly close is a lost connection that can be tried again', async () => {
      const { client, socket } = await connected();
      socket.close(1001);
      const { cause } = await phase(client, 'waiting');
      assert.deepEqual([cause.code, cause.retryable], ['connection-lost', true]);
    });
  });
});
