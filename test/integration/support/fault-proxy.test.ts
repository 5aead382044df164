import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { settle, until, within } from '../../support/events.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { randomFrom } from '../../support/random.ts';

/** A cut may come as a reset or as an ordinary end: `once` would take the first for a failure. */
async function gone(client: Socket): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    client.once('close', () => resolve());
  });
  await within(closed, 'still connected');
}

describe('support: the fault proxy', () => {
  let echo: Server;
  let proxy: FaultProxy;
  let clients: Socket[];

  beforeEach(async () => {
    clients = [];
    echo = createServer((socket) => socket.on('error', () => {}).pipe(socket));
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    proxy = await FaultProxy.listen((echo.address() as AddressInfo).port);
  });

  afterEach(async () => {
    await proxy.close();
    for (const client of clients) {
      client.destroy();
    }
    echo.close();
    await once(echo, 'close');
  });

  async function dial(): Promise<Socket> {
    const client = connect(proxy.port, '127.0.0.1').on('error', () => {});
    clients.push(client);
    await once(client, 'connect');
    return client;
  }

  async function echoed(client: Socket, bytes: Buffer): Promise<Buffer> {
    client.write(bytes);
    let seen = Buffer.alloc(0);
    while (seen.length < bytes.length) {
      const [chunk] = (await within(once(client, 'data'), 'no echo')) as [Buffer];
      seen = Buffer.concat([seen, chunk]);
    }
    return seen;
  }

  /** Sends until the connection is gone, and tells how many bytes came back. */
  async function echoUntilCut(client: Socket): Promise<number> {
    let came = 0;
    client.on('data', (chunk: Buffer) => (came += chunk.length));
    const timer = setInterval(() => client.write(Buffer.alloc(10)), 1);
    try {
      await gone(client);
    } finally {
      clearInterval(timer);
    }
    return came;
  }

  it('forwards everything, also what exceeds every buffer, and the end', async () => {
    const client = await dial();
    const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => index % 251));
    assert.ok((await echoed(client, bytes)).equals(bytes));
    assert.equal(proxy.bytes, 2 * bytes.length);
    const ended = once(client, 'end');
    client.end();
    await within(ended, 'the end did not pass');
    await until(() => proxy.open === 0, 'the connection is over');
    assert.deepEqual([proxy.connections, proxy.cuts], [1, 0]);
  });

  it('cuts all connections at once', async () => {
    const both = [await dial(), await dial()];
    await until(() => proxy.open === 2, 'both are open');
    const ends = both.map((client) => gone(client.resume()));
    proxy.cut();
    await Promise.all(ends);
    assert.equal(proxy.cuts, 2);
  });

  it('cuts right after the n-th byte, once', async () => {
    proxy.cutAfterBytes(25);
    const came = await echoUntilCut(await dial());
    assert.deepEqual([proxy.bytes, proxy.cuts, proxy.cutsLeft], [25, 1, 0]);
    assert.ok(came < 25);
    assert.equal((await echoed(await dial(), Buffer.alloc(500))).length, 500);
  });

  it('cuts as often and as far apart as a seeded plan says, then no more', async () => {
    proxy.cutAtRandom({ random: randomFrom(7), cuts: 5, leastBytes: 30, mostBytes: 60 });
    const bytes = [];
    while (proxy.cutsLeft > 0) {
      const before = proxy.bytes;
      await echoUntilCut(await dial());
      bytes.push(proxy.bytes - before);
    }
    const random = randomFrom(7);
    assert.deepEqual(
      bytes,
      bytes.map(() => 30 + Math.floor(random() * 31)),
    );
    assert.equal(proxy.cuts, 5);
    assert.equal((await echoed(await dial(), Buffer.alloc(500))).length, 500);
  });

  it('holds everything back while frozen, connections included', async () => {
    const client = await dial();
    proxy.freeze();
    client.write('held');
    const other = await dial();
    await settle();
    assert.equal(proxy.bytes, 0);
    const came = Promise.all([once(client, 'data'), once(other, 'data')]);
    other.write('too');
    proxy.thaw();
    assert.deepEqual(String(await within(came, 'nothing passed after the thaw')), 'held,too');
  });

  it('holds back what is for one side, and lets pass what is for the other', async () => {
    const client = await dial();
    let came = '';
    client.on('data', (chunk: Buffer) => (came += String(chunk)));
    proxy.freeze('client');
    client.write('held');
    await until(() => proxy.bytes === 4, 'it passes to the server');
    await settle();
    assert.equal(came, '');
    proxy.thaw();
    await until(() => came === 'held', 'it passes to the client');
  });

  it('cuts where a tap says', async () => {
    const cuttable = await FaultProxy.listen((echo.address() as AddressInfo).port, () => ({
      fromClient: () => {},
      toClient: () => {},
      cutWithin: (bytes, towards) => (towards === 'client' ? bytes.indexOf('!') + 1 : undefined),
    }));
    const client = connect(cuttable.port, '127.0.0.1').on('error', () => {});
    let came = '';
    client.on('data', (chunk: Buffer) => (came += String(chunk)));
    client.write('so far! no further');
    await gone(client);
    await cuttable.close();
    assert.equal(came, 'so far!');
  });

  it('refuses connections and accepts them again', async () => {
    proxy.refuse(true);
    await gone((await dial()).resume());
    assert.equal(proxy.connections, 0);
    proxy.refuse(false);
    assert.equal(String(await echoed(await dial(), Buffer.from('hello'))), 'hello');
  });

  it('ends a connection whose server is not there', async () => {
    const nowhere = await FaultProxy.listen(1);
    const client = connect(nowhere.port, '127.0.0.1').on('error', () => {});
    await gone(client.resume());
    await nowhere.close();
  });

  it('delays, and passes bytes one by one', async () => {
    proxy.trickle(true);
    proxy.delay(1);
    const client = await dial();
    let chunks = 0;
    client.on('data', () => (chunks += 1));
    assert.equal(String(await echoed(client, Buffer.from('0123456789'))), '0123456789');
    assert.ok(chunks > 1);
  });
});
