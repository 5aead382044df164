import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type ClientOptions, ConnectionRefused, probe, type ProbeReport, systemCodeOf } from '../../src/index.ts';
import { ca, elsewherePair, selfSignedPair, serverPair } from '../support/certificates/certificates.ts';
import { useBench } from '../support/client-bench.ts';
import { until } from '../support/events.ts';
import { useMosquitto } from '../support/mosquitto-bench.ts';

const tried = (server: string, options: Partial<ClientOptions> = {}): Promise<ProbeReport> =>
  probe({ connectTimeout: 10_000, ...options, server }, new AbortController().signal);

const stages = ({ steps }: ProbeReport): string[] => steps.map(({ stage }) => stage);

describe('A test of a connection', () => {
  const bench = useBench();

  for (const [scheme, webSocket, tls, passed] of [
    ['mqtt', false, false, ['connect', 'mqtt']],
    ['mqtts', false, true, ['connect', 'secure', 'mqtt']],
    ['ws', true, false, ['connect', 'upgrade', 'mqtt']],
    ['wss', true, true, ['connect', 'secure', 'upgrade', 'mqtt']],
  ] as const) {
    it(`passes over ${scheme}, and ends with DISCONNECT`, async () => {
      const broker = await bench.broker({ webSocket, autoRespond: {}, ...(tls && { tls: serverPair }) });
      const report = await tried(broker.url, { tls: { ca } });
      assert.deepEqual([report.failure, stages(report)], [undefined, passed]);
      const [peer] = broker.peers;
      await until(() => peer?.socket.destroyed === true, 'the connection is over');
      assert.deepEqual(
        peer?.received.map(({ cmd }) => cmd),
        ['connect', 'disconnect'],
      );
      const secured = report.steps.find((step) => step.stage === 'secure');
      if (!tls) return;
      assert.match(secured?.protocol ?? '', /^TLSv1\.[23]$/);
      assert.equal(secured?.unverified, undefined);
      assert.match(secured?.certificate?.fingerprint ?? '', /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
      assert.match(secured?.certificate?.names ?? '', /localhost/);
      assert.ok(Date.parse(secured?.certificate?.validTo ?? '') > Date.now());
    });
  }

  for (const [scheme, webSocket] of [
    ['mqtts', false],
    ['wss', true],
  ] as const) {
    for (const [what, pair, options, code] of [
      ['nobody vouches for', selfSignedPair, {}, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
      ['is for another host', elsewherePair, { tls: { ca } }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ] as const) {
      it(`shows the certificate that ${what}, and says no word to its server (${scheme})`, async () => {
        const broker = await bench.broker({ webSocket, tls: pair, autoRespond: {} });
        const { failure } = await tried(broker.url, options);
        assert.deepEqual([failure?.stage, systemCodeOf(failure?.error.cause)], ['secure', code]);
        assert.match(failure?.certificate?.subject ?? '', /\bCN=/);
        assert.ok(broker.peers.every(({ chunks }) => chunks.length === 0));
      });
    }
  }

  it('says why a certificate does not verify, also where a person does not mind', async () => {
    const broker = await bench.broker({ tls: selfSignedPair, autoRespond: {} });
    const { steps, failure } = await tried(broker.url, { tls: { rejectUnauthorized: false } });
    const secured = steps.find((step) => step.stage === 'secure');
    assert.deepEqual([failure, secured?.unverified], [undefined, 'DEPTH_ZERO_SELF_SIGNED_CERT']);
  });

  it('resolves the name of a host, and tells its addresses', async () => {
    const broker = await bench.broker({ autoRespond: {} });
    const report = await tried(broker.url.replace('127.0.0.1', 'localhost'));
    assert.deepEqual(stages(report), ['resolve', 'connect', 'mqtt']);
    const [resolved] = report.steps;
    assert.ok(resolved?.stage === 'resolve' && resolved.addresses.includes('127.0.0.1'));
  });

  it('fails by the name of a host that is none', async () => {
    const { failure, steps } = await tried('mqtt://nobody.invalid');
    assert.deepEqual([failure?.stage, steps], ['resolve', []]);
    assert.match(systemCodeOf(failure?.error.cause), /ENOTFOUND|EAI_AGAIN/);
  });
});

/** A server that is no broker. */
interface Stranger {
  readonly name: string;
  readonly listener: string | undefined;
  readonly make: () => Server;
}

const banner = (text: string): Server => talking((socket) => void socket.write(text));

function talking(hear: (socket: Socket) => void): Server {
  return createServer((socket) => {
    // The peer may have gone before it is answered.
    socket.on('error', () => undefined);
    hear(socket);
  });
}

const STRANGERS: readonly Stranger[] = [
  { name: 'a web server', listener: 'http', make: () => createHttpServer() },
  { name: 'an SSH server', listener: 'ssh', make: () => banner('SSH-2.0-OpenSSH_9.2p1\r\n') },
  { name: 'a mail server', listener: undefined, make: () => banner('220 mail.example ESMTP\r\n') },
];

describe('A test of a wrong port', () => {
  const servers: Server[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function listening(server: Server): Promise<number> {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  for (const { name, listener, make } of STRANGERS) {
    for (const scheme of ['mqtt', 'mqtts', 'wss']) {
      it(`finds ${name} behind ${scheme}`, async () => {
        const { failure } = await tried(`${scheme}://127.0.0.1:${await listening(make())}`);
        assert.equal(failure?.listener, listener, failure?.error.message);
      });
    }
  }

  it('finds TLS behind mqtt and ws, of a server that answers the wrong bytes with an alert, or with nothing', async () => {
    const port = await listening(createTlsServer(serverPair));
    assert.equal((await tried(`mqtt://127.0.0.1:${port}`)).failure?.listener, 'tls');
    assert.equal((await tried(`ws://127.0.0.1:${port}`)).failure?.listener, 'tls');
  });

  it('tells the status of a web server that has no WebSocket there', async () => {
    const port = await listening(createHttpServer((_request, response) => response.writeHead(404).end()));
    const { failure } = await tried(`ws://127.0.0.1:${port}/mqtt`);
    assert.equal(failure?.stage, 'upgrade');
    assert.match(failure?.error.message ?? '', /404/);
  });
});

describe('A test of mosquitto (skipped where it is not installed)', () => {
  const users = useMosquitto({ users: { ann: 'hush' } });

  it('is accepted or refused by the login', async () => {
    const accepted = await tried(users().url, { username: 'ann', password: 'hush' });
    assert.deepEqual([accepted.failure, accepted.protocolVersion], [undefined, 5]);
    const { failure } = await tried(users().url, { username: 'ann', password: 'wrong' });
    assert.ok(failure?.error instanceof ConnectionRefused && failure.error.reasonCode === 0x87);
  });

  it('finds MQTT in the clear behind mqtts, ws and wss', async () => {
    for (const scheme of ['mqtts', 'ws', 'wss']) {
      const { failure } = await tried(users().url.replace('mqtt', scheme));
      assert.equal(failure?.listener, 'mqtt', `${scheme}: ${failure?.error.message}`);
    }
  });
});

describe('A test of mosquitto with TLS (skipped where it is not installed)', () => {
  const secure = useMosquitto({ tls: serverPair });

  it('finds TLS behind mqtt, although mosquitto hangs up without a word', async () => {
    assert.equal((await tried(secure().url)).failure?.listener, 'tls');
    assert.equal((await tried(secure().url.replace('mqtt', 'mqtts'), { tls: { ca } })).failure, undefined);
  });
});
