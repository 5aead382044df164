import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { generate } from 'mqtt-packet';
import type { Packet } from 'mqtt-packet';
import { createWebSocketStream, WebSocket } from 'ws';
import { within } from '../../support/events.ts';
import { FakeBroker } from '../../support/fake-broker.ts';

const CONNECT = { cmd: 'connect', clientId: 'c', clean: true, keepalive: 0 } as const;

function bytes(packet: Packet, protocolVersion: 3 | 4 | 5): Buffer {
  return generate(packet, { protocolVersion });
}

function connectBytes(version: 3 | 4 | 5): Buffer {
  return bytes({ ...CONNECT, protocolVersion: version, protocolId: version === 3 ? 'MQIsdp' : 'MQTT' }, version);
}

async function read(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes !== null) {
      return bytes;
    }
    await within(once(socket, 'readable'), 'nothing to read');
  }
}

describe('support: the fake broker', () => {
  let broker: FakeBroker;
  let socket: Socket;

  beforeEach(async () => {
    broker = await FakeBroker.listen();
    socket = connect(broker.port, '127.0.0.1');
  });

  afterEach(async () => {
    socket.destroy();
    await broker.close();
  });

  for (const version of [3, 4, 5] as const) {
    it(`answers a CONNECT of protocol version ${version} in that version`, async () => {
      const peer = await broker.accept();
      socket.write(connectBytes(version));
      const packet = await peer.handshake({ sessionPresent: version !== 3 });
      assert.equal(packet.clientId, 'c');
      assert.equal(peer.protocolVersion, version);
      const expected = { 3: '20020000', 4: '20020100', 5: '2003010000' }[version];
      assert.equal((await read(socket, expected.length / 2)).toString('hex'), expected);
    });
  }

  it('gives packets in order, also those of one chunk and those cut into bytes', async () => {
    const peer = await broker.accept();
    const publish = {
      cmd: 'publish',
      topic: 't',
      payload: 'x',
      qos: 1,
      messageId: 7,
      dup: false,
      retain: false,
    } as const;
    socket.write(Buffer.concat([connectBytes(5), bytes(publish, 5)]));
    await peer.handshake();
    assert.equal((await peer.expect('publish')).messageId, 7);
    for (const byte of bytes({ cmd: 'pingreq' }, 5)) {
      socket.write(Uint8Array.of(byte));
    }
    await peer.expect('pingreq');
    assert.deepEqual(
      peer.received.map(({ cmd }) => cmd),
      ['connect', 'publish', 'pingreq'],
    );
  });

  it('says what came instead of what was expected', async () => {
    const peer = await broker.accept();
    socket.write(connectBytes(4));
    await assert.rejects(peer.expect('publish'), /expected publish, but \{"cmd":"connect".*came/);
  });

  it('says that nothing came, that the connection ended, and that bytes were malformed', async () => {
    const peer = await broker.accept();
    await assert.rejects(peer.expect('connect', 20), /expected connect: nothing came .*open\) within 20 ms/);
    socket.destroy();
    await assert.rejects(peer.expect('connect'), /the connection ended/);
    const other = connect(broker.port, '127.0.0.1');
    other.write(Buffer.from('f1020000', 'hex'));
    await assert.rejects((await broker.accept()).expect('connect'), /malformed bytes came/);
    other.destroy();
  });

  it('sees silence, and a packet that breaks it', async () => {
    const peer = await broker.accept();
    await peer.expectNothing();
    socket.write(connectBytes(4));
    await assert.rejects(peer.expectNothing(), /expected nothing, but \{"cmd":"connect"/);
  });

  it('rejects an accept that nobody answers', async () => {
    await broker.accept();
    await broker.expectNoConnection();
    await assert.rejects(
      broker.accept(20),
      /no connection came to mqtt:\/\/127\.0\.0\.1:\d+ \(1 before\) within 20 ms/,
    );
  });

  it('answers by itself when told so, and lets a test override an answer', async () => {
    const peer = (await broker.accept()).autoRespond({
      puback: () => undefined,
      publish: ({ messageId }) => ({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0x87 }),
    });
    const publish = {
      cmd: 'publish',
      topic: 't',
      payload: 'x',
      qos: 1,
      messageId: 2,
      dup: false,
      retain: false,
    } as const;
    const subscribe: Packet = { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 1 }] };
    socket.write(Buffer.concat([connectBytes(5), bytes(subscribe, 5)]));
    socket.write(Buffer.concat([bytes({ cmd: 'pingreq' }, 5), bytes(publish, 5)]));
    const [connack, suback, pingresp, puback] = ['2003000000', '900400010001', 'd000', '400400028700'];
    assert.equal((await read(socket, 19)).toString('hex'), [connack, suback, pingresp, puback].join(''));
    await peer.skipTo('publish'); // PINGREQ is answered without a word
    assert.equal(peer.pending, 0);
  });

  it('sends bytes as given, whole or one by one', async () => {
    const peer = await broker.accept();
    peer.sendBytes('d0 00');
    assert.equal((await read(socket, 2)).toString('hex'), 'd000');
    await peer.trickle('20 02 00 00');
    assert.equal((await read(socket, 4)).toString('hex'), '20020000');
  });

  it('reads nothing while paused', async () => {
    const peer = await broker.accept();
    peer.pause();
    socket.write(connectBytes(4));
    await peer.expectNothing();
    peer.resume();
    await peer.expect('connect');
  });

  it('ends a connection with FIN, without a word and by a reset', async () => {
    const peer = await broker.accept();
    socket.resume();
    peer.end();
    await within(once(socket, 'end'), 'no FIN');
    await peer.expectClosed();
    for (const way of ['drop', 'reset'] as const) {
      const other = connect(broker.port, '127.0.0.1').resume();
      const gone = once(other, way === 'drop' ? 'close' : 'error');
      (await broker.accept())[way]();
      await within(gone, 'still connected');
    }
  });

  it('ends its connections when it closes, and can come back on its port', async () => {
    const peer = await broker.accept();
    const { port } = broker;
    await broker.close();
    await peer.expectClosed();
    broker = await FakeBroker.listen({ port });
    assert.equal(broker.port, port);
  });

  it('speaks over WebSocket with the sub-protocol mqtt', async () => {
    const overWebSocket = await FakeBroker.listen({ webSocket: true, autoRespond: {} });
    const client = new WebSocket(`${overWebSocket.url}/path`, 'mqtt');
    const stream = createWebSocketStream(client);
    stream.write(connectBytes(4));
    const peer = await overWebSocket.accept();
    await peer.expect('connect');
    assert.equal(peer.upgradeRequest?.url, '/path');
    const [chunk] = (await within(once(stream, 'data'), 'no CONNACK')) as [Buffer];
    assert.equal(chunk.toString('hex'), '20020000');
    assert.equal(client.protocol, 'mqtt');
    peer.end();
    await within(once(client, 'close'), 'still connected');
    await overWebSocket.close();
  });
});
