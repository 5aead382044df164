import assert from 'node:assert/strict';
import { bytesOf } from '../../src/util/chunk.ts';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { dial } from '../../src/transport/dial.ts';
import type { Scheme, ServerAddress } from '../../src/transport/server.ts';
import type { TlsOptions } from '../../src/transport/tls.ts';
import type { Transport, TransportHandlers } from '../../src/transport/transport.ts';
import { settle, until, within } from './events.ts';
import { freePort } from './ports.ts';
import { TransportServer } from './transport-server.ts';
import type { TransportServerOptions } from './transport-server.ts';

/** A transport by its scheme, with what its two sides need. */
export interface TransportKind {
  readonly scheme: Scheme;
  readonly server: Omit<TransportServerOptions, 'greeting'>;
  readonly tls: TlsOptions;
}

/** Writes down what a transport tells. */
class Recorder implements TransportHandlers {
  readonly chunks: Buffer[] = [];
  readonly causes: (Error | undefined)[] = [];
  drains = 0;
  progresses = 0;
  /** Chunks that came after the end. */
  late = 0;

  data(chunk: Buffer): void {
    this.chunks.push(Buffer.from(chunk));
    if (this.causes.length > 0) this.late += 1;
  }

  drain(): void {
    this.drains += 1;
  }

  progress(): void {
    this.progresses += 1;
  }

  closed(cause?: Error): void {
    this.causes.push(cause);
  }

  get text(): string {
    return String(Buffer.concat(this.chunks));
  }

  async ended(): Promise<Error | undefined> {
    await until(() => this.causes.length > 0, 'the transport tells its end');
    await settle();
    assert.deepEqual([this.causes.length, this.late], [1, 0]);
    return this.causes[0];
  }
}

/** Of the connections to this port of 127.0.0.1: whether their keep alive is due within a minute (proc_pid_net(5)). */
function keepAliveTimers(port: number): boolean[] {
  const peer = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  const [connected, keepAliveTimer, minute] = ['01', '02', 6000];
  return rows
    .filter(([, , remote, state]) => remote === peer && state === connected)
    .map(([, , , , , timer = '']) => timer.split(':'))
    .map(([kind, due = '']) => kind === keepAliveTimer && parseInt(due, 16) <= minute);
}

/** What every transport promises: the contract `Transport`, asked of one implementation over a real socket. */
export function transportSuite(kind: TransportKind): void {
  describe(`transport ${kind.scheme}`, () => {
    const never = new AbortController().signal;
    const servers: TransportServer[] = [];

    afterEach(async () => {
      await Promise.all(servers.splice(0).map((server) => server.close()));
    });

    async function listen(greeting?: string): Promise<TransportServer> {
      const server = await TransportServer.listen({ ...kind.server, ...(greeting !== undefined && { greeting }) });
      servers.push(server);
      return server;
    }

    function dialPort(port: number, signal: AbortSignal = never): Promise<Transport> {
      const address: ServerAddress = { scheme: kind.scheme, host: '127.0.0.1', port, path: '/mqtt' };
      const options = { tls: kind.tls, subprotocol: 'mqtt', maximumMessageSize: 10_000_000 };
      return within(dial(address, options, signal), 'the dial did not end');
    }

    async function open(greeting?: string): Promise<{
      server: TransportServer;
      peer: Duplex;
      transport: Transport;
      told: Recorder;
    }> {
      const server = await listen(greeting);
      const transport = await dialPort(server.port);
      const told = new Recorder();
      transport.start(told);
      return { server, peer: await server.accept(), transport, told };
    }

    /** Everything that comes at the peer until `length` bytes are there. */
    async function read(peer: Duplex, length: number): Promise<Buffer> {
      const chunks: Buffer[] = [];
      peer.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
      const size = (): number => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      await until(() => size() >= length, `${length} bytes come`);
      return Buffer.concat(chunks);
    }

    it('keeps what came before the start', async () => {
      const { told } = await open('hello');
      await until(() => told.text === 'hello', 'the greeting comes');
    });

    it('carries text as UTF-8, in order between bytes, whatever it is of and however long', async () => {
      const { peer, transport } = await open();
      const texts = ['x', 'ä', '€', 'x𝄞', '𝄞', '\ud800'].map((part) => part.repeat(100_001));
      const chunks = texts.flatMap((text) => [Buffer.from('<'), { text, bytes: Buffer.byteLength(text) }]);
      transport.write(chunks);
      const all = Buffer.concat(chunks.map(bytesOf));
      assert.ok((await read(peer, all.length)).equals(all));
    });

    it('carries chunks in order, in both directions [MQTT-4.2.0-1]', async () => {
      const { peer, transport, told } = await open();
      const chunks = Array.from({ length: 300 }, (_, index) => Buffer.alloc(1 + index * 11, index));
      transport.write(chunks.slice(0, 1));
      transport.write(chunks.slice(1, 200));
      transport.write(chunks.slice(200));
      const all = Buffer.concat(chunks);
      assert.ok((await read(peer, all.length)).equals(all));
      for (const chunk of chunks) peer.write(chunk);
      await until(() => told.text.length >= String(all).length, 'all came back');
      assert.ok(Buffer.concat(told.chunks).equals(all));
    });

    it('says when the peer does not read, tells when it does, and loses nothing', async () => {
      const { peer, transport, told } = await open();
      peer.pause();
      const chunk = Buffer.alloc(65_536, 'x');
      let written = 0;
      let more = true;
      for (let turn = 0; turn < 1000 && more; turn += 1) {
        more = transport.write([chunk]);
        written += chunk.length;
        if (more) await settle(1);
      }
      assert.equal(more, false, 'it never said no');
      assert.equal(told.drains, 0);
      assert.equal((await read(peer, written)).length, written);
      await until(() => told.drains > 0, 'drain is told');
      assert.equal(transport.write([Buffer.from('y')]), true);
    });

    it('tells, while one large chunk leaves slowly, that it leaves', async () => {
      const { peer, transport, told } = await open();
      peer.pause();
      const chunk = Buffer.alloc(30_000_000, 'x');
      assert.equal(transport.write([chunk]), false);
      let came = 0;
      peer.on('data', (part: Buffer) => (came += part.length)).resume();
      await until(() => told.progresses >= 2, 'signs of progress');
      assert.equal(told.drains, 0);
      await until(() => came === chunk.length && told.drains === 1, 'all of it came');
    });

    it('tells no progress while the peer does not read', async () => {
      const { peer, transport, told } = await open();
      peer.pause();
      transport.write([Buffer.alloc(30_000_000)]);
      // What the system itself holds is taken at first.
      let before = -1;
      while (told.progresses !== before) {
        before = told.progresses;
        await settle(100);
      }
      assert.equal(told.drains, 0);
    });

    it('paused it hands on nothing, in this turn either, and resumed everything in order', async () => {
      const { peer, transport, told } = await open();
      const hear = told.data.bind(told);
      told.data = (chunk) => {
        hear(chunk);
        transport.pause();
      };
      const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => index % 251));
      for (let start = 0; start < bytes.length; start += 10_000) peer.write(bytes.subarray(start, start + 10_000));
      await until(() => told.chunks.length === 1, 'the first chunk comes');
      await settle();
      assert.equal(told.chunks.length, 1);
      const size = (): number => told.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      while (size() < bytes.length) {
        const before: number = told.chunks.length;
        transport.resume();
        assert.equal(told.chunks.length, before, 'resume called back from within');
        await until(() => told.chunks.length > before, 'the next chunk comes');
        assert.equal(told.chunks.length, before + 1);
      }
      assert.ok(Buffer.concat(told.chunks).equals(bytes));
    });

    it('paused it slows the peer down instead of filling the memory', async () => {
      const { peer, transport, told } = await open();
      transport.pause();
      const chunk = Buffer.alloc(65_536, 'x');
      let written = 0;
      for (let turn = 0; turn < 1000 && peer.write(chunk); turn += 1) {
        written += chunk.length;
        await settle(1);
      }
      assert.ok(written < 1000 * chunk.length, 'the peer was never slowed down');
      assert.equal(told.chunks.length, 0);
      transport.resume();
      await until(() => told.text.length >= written, 'all of it comes');
    });

    it('paused it tells the end after the last bytes, when it is resumed', async () => {
      const { peer, transport, told } = await open();
      transport.pause();
      peer.end('last words');
      await settle();
      assert.deepEqual([told.chunks.length, told.causes.length], [0, 0]);
      transport.resume();
      assert.equal(await told.ended(), undefined);
      assert.equal(told.text, 'last words');
    });

    if (kind.scheme === 'mqtt' || kind.scheme === 'mqtts') {
      it('paused on each chunk it tells neither bytes nor the end before it is resumed', async () => {
        const { peer, transport, told } = await open();
        let isPaused = false;
        const hear = told.data.bind(told);
        told.data = (chunk) => {
          assert.equal(isPaused, false, 'bytes came while paused');
          hear(chunk);
          transport.pause();
          isPaused = true;
        };
        // As many records as one read brings.
        for (let n = 0; n < 50; n++) peer.write(Buffer.alloc(100, n));
        peer.end();
        await until(() => told.chunks.length === 1, 'the first comes');
        for (let resumed = 0; told.causes.length === 0 && resumed < 100; resumed++) {
          await settle(5);
          assert.deepEqual(told.causes, [], 'the end came while paused');
          isPaused = false;
          transport.resume();
          await settle(5);
        }
        assert.equal(await told.ended(), undefined);
        const expected = Buffer.concat(Array.from({ length: 50 }, (_, n) => Buffer.alloc(100, n)));
        assert.ok(Buffer.concat(told.chunks).equals(expected));
      });
    }

    it('what was written may be written over as soon as it says so, however slowly the peer reads', async () => {
      const { peer, transport, told } = await open();
      const slab = Buffer.alloc(60_000);
      const expected: Buffer[] = [];
      let written = 0;
      let room = slab.length;
      const heard: Buffer[] = [];
      peer.pause();
      for (let n = 0; written < 20_000_000; n++) {
        if (transport.hasWritten) room = slab.length;
        const size = 1000 + ((n * 7919) % 3000);
        // Where it may not, it is new memory, as a slab is.
        const chunk = size <= room ? slab.subarray(slab.length - room).subarray(0, size) : Buffer.alloc(size);
        room -= size <= room ? size : 0;
        chunk.fill(n % 251);
        expected.push(Buffer.from(chunk));
        written += size;
        if (transport.write([chunk])) continue;
        peer.on('data', (data: Buffer) => heard.push(data)).resume();
        const drains = told.drains;
        await until(() => told.drains > drains, 'it drains');
        peer.removeAllListeners('data').pause();
      }
      peer.on('data', (data: Buffer) => heard.push(data)).resume();
      const size = (): number => heard.reduce((sum, { length }) => sum + length, 0);
      await until(() => size() >= written, 'all of it comes');
      assert.ok(Buffer.concat(heard).equals(Buffer.concat(expected)));
    });

    it('paused it can be ended, and destroyed', async () => {
      for (const ending of ['end', 'destroy'] as const) {
        const { server, transport, told } = await open();
        transport.pause();
        transport[ending]();
        await told.ended();
        await until(() => server.open === 0, 'the peer sees the end');
      }
    });

    it('end sends what was written, then ends', async () => {
      const { peer, transport, told } = await open();
      const written = Buffer.alloc(500_000, 'x');
      const came = read(peer, written.length);
      const ended = once(peer, 'end');
      transport.write([written]);
      transport.end();
      assert.ok((await came).equals(written));
      await within(ended, 'the peer saw no end');
      assert.equal(await told.ended(), undefined);
    });

    it('destroy ends at once, without a cause', async () => {
      const { server, transport, told } = await open();
      transport.destroy();
      assert.equal(await told.ended(), undefined);
      await until(() => server.open === 0, 'the peer sees the end');
    });

    it('end, then destroy, then both again: one end', async () => {
      const { transport, told } = await open();
      transport.end();
      transport.destroy();
      transport.end();
      transport.destroy();
      await told.ended();
    });

    it('tells when the peer ends in order, after its last bytes', async () => {
      const { peer, told } = await open();
      peer.end('last words');
      assert.equal(await told.ended(), undefined);
      assert.equal(told.text, 'last words');
    });

    it('tells when the peer is gone', async () => {
      const { server, told } = await open();
      server.drop();
      await told.ended();
    });

    it('a write after the end is harmless', async () => {
      const { server, transport, told } = await open();
      server.drop();
      await told.ended();
      transport.write([Buffer.from('too late')]);
      transport.end();
      await settle();
      assert.equal(told.causes.length, 1);
    });

    it('lets the system ask a silent peer after a minute, and not after two hours', async function () {
      if (process.platform !== 'linux') this.skip();
      const { server } = await open();
      await until(() => keepAliveTimers(server.port).join() === 'true', 'a keep alive of at most a minute');
    });

    it('a port where nobody listens is an error that names it', async () => {
      const port = await freePort();
      await assert.rejects(dialPort(port), {
        code: 'unreachable',
        retryable: true,
        message: new RegExp(`${kind.scheme}://127\\.0\\.0\\.1:${port}.*ECONNREFUSED`),
      });
    });

    it('an aborted dial ends with the reason of the abort, and leaves nothing open', async () => {
      const server = await listen();
      const stop = new AbortController();
      const dialled = dialPort(server.port, stop.signal);
      const reason = new Error('enough');
      stop.abort(reason);
      await assert.rejects(dialled, reason);
      await settle();
      await until(() => server.open === 0, 'nothing is open');
    });

    it('a dial that was aborted before it began ends at once', async () => {
      const server = await listen();
      const reason = new Error('enough');
      await assert.rejects(dialPort(server.port, AbortSignal.abort(reason)), reason);
      await until(() => server.open === 0, 'nothing is open');
    });

    if (kind.scheme !== 'mqtt') {
      it('a dial that the server leaves half done can be aborted', async () => {
        let sockets = 0;
        const silent = createServer((socket) => {
          sockets += 1;
          socket.on('error', () => undefined).once('close', () => (sockets -= 1));
          socket.resume(); // or it would not see the end
        });
        silent.listen(0, '127.0.0.1');
        await once(silent, 'listening');
        const stop = new AbortController();
        const dialled = dialPort((silent.address() as AddressInfo).port, stop.signal);
        await until(() => sockets === 1, 'the server has accepted');
        const reason = new Error('enough');
        stop.abort(reason);
        await assert.rejects(dialled, reason);
        await until(() => sockets === 0, 'nothing is open');
        silent.close();
        await once(silent, 'close');
      });
    }
  });
}
