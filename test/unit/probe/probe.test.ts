import assert from 'node:assert/strict';
import type { ClientOptions } from '../../../src/client/options.ts';
import { ConnectionRefused, ConnectUnanswered, MqttError, NotTls } from '../../../src/protocol/errors.ts';
import { probe } from '../../../src/probe/probe.ts';
import type { ProbeReport } from '../../../src/probe/report.ts';
import type { Certificate } from '../../../src/transport/dial-watch.ts';
import type { Dial, DialOptions } from '../../../src/transport/dial.ts';
import type { ServerAddress } from '../../../src/transport/server.ts';
import { duplexPair, type Peer } from '../../support/duplex-pair.ts';
import { until } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { hex } from '../codec/wire.ts';

const CERTIFICATE: Certificate = {
  subject: 'CN=broker.example',
  issuer: 'CN=Example CA',
  names: 'DNS:broker.example',
  validFrom: 'Jan  1 00:00:00 2026 GMT',
  validTo: 'Jan  1 00:00:00 2036 GMT',
  fingerprint: '00:11',
};

/** One connection that the probe made. */
interface Dialled {
  readonly server: ServerAddress;
  readonly options: DialOptions;
  readonly peer: Peer;
}

/** What the network does when it is dialled: opens, fails, or (undefined) never answers. */
type Network = (server: ServerAddress, options: DialOptions, clock: FakeClock) => 'open' | Error | undefined;

interface Scene {
  readonly clock: FakeClock;
  readonly dialled: readonly Dialled[];
  readonly report: Promise<ProbeReport>;
  readonly abort: AbortController;
  readonly peer: (index: number) => Promise<Peer>;
}

function scene(options: Partial<ClientOptions>, network: Network = () => 'open'): Scene {
  const clock = new FakeClock();
  const dialled: Dialled[] = [];
  const abort = new AbortController();
  const dial: Dial = async (server, dialOptions) => {
    const { transport, peer } = duplexPair();
    dialled.push({ server, options: dialOptions, peer });
    const outcome = network(server, dialOptions, clock);
    if (outcome instanceof Error) throw outcome;
    return outcome === 'open' ? transport : new Promise(() => undefined);
  };
  const report = probe({ server: 'mqtt://broker.example', ...options, clock, dial }, abort.signal);
  // Who waits for it hears of it; a test that does not must not fail for that.
  report.catch(() => undefined);
  const peer = async (index: number): Promise<Peer> => {
    await until(() => (dialled[index]?.peer.writes.length ?? 0) > 0, `attempt ${index} says something`);
    return dialled[index]?.peer ?? assert.fail();
  };
  return { clock, dialled, report, abort, peer };
}

const ACCEPTED_5 = hex('2003 00 00 00');
const ACCEPTED_4 = hex('2002 00 00');
const DISCONNECT = hex('e0 02 00 00');

describe('A test of a connection', () => {
  it('says what it saw on the way, and how long each step took', async () => {
    const { clock, report, peer } = scene({ server: 'mqtts://broker.example' }, (_server, { watch }, time) => {
      time.advance(5);
      watch?.({ kind: 'resolved', address: '192.0.2.1' });
      watch?.({ kind: 'resolved', address: '2001:db8::1' });
      time.advance(7);
      watch?.({ kind: 'opened', address: '192.0.2.1', port: 8883 });
      time.advance(11);
      watch?.({ kind: 'certificate', certificate: CERTIFICATE });
      watch?.({ kind: 'secured', protocol: 'TLSv1.3', unverified: undefined });
      return 'open';
    });
    const broker = await peer(0);
    clock.advance(13);
    broker.send(ACCEPTED_5);
    broker.closed();
    const { steps, failure, protocolVersion, server } = await report;
    assert.deepEqual([failure, protocolVersion, server], [undefined, 5, 'mqtts://broker.example:8883']);
    assert.deepEqual(
      steps.map(({ stage, milliseconds }) => [stage, milliseconds]),
      [
        ['resolve', 5],
        ['connect', 7],
        ['secure', 11],
        ['mqtt', 13],
      ],
    );
    const [resolved, , secured] = steps;
    assert.deepEqual(resolved?.stage === 'resolve' && resolved.addresses, ['192.0.2.1', '2001:db8::1']);
    assert.deepEqual(secured?.stage === 'secure' && secured.certificate, CERTIFICATE);
    assert.equal(clock.armed, 0);
  });

  it('takes over no session and leaves none: its own client id, a clean start, no will, and a DISCONNECT', async () => {
    const store = { open: () => assert.fail('the store is not the test’s') };
    const { report, peer } = scene({
      clientId: 'the-one-that-runs',
      cleanStart: false,
      sessionExpiryInterval: 3600,
      will: { topic: 'will', payload: 'dead' },
      birth: { topic: 'birth', payload: 'born' },
      closing: { topic: 'closing', payload: 'gone' },
      store: store as unknown as NonNullable<ClientOptions['store']>,
      username: 'ann',
      password: 'hush',
    });
    const broker = await peer(0);
    const connect = broker.taken();
    const said = connect.toString('latin1');
    for (const foreign of ['the-one-that-runs', 'will', 'dead', 'born', 'gone']) assert.ok(!said.includes(foreign));
    assert.match(said, /posthorntest[a-z0-9]{11}/);
    assert.ok(said.includes('ann') && said.includes('hush'));
    // Clean Start, user name, password, no will (3.1.2.3).
    assert.equal(connect[9], 0b1100_0010);
    // No Session Expiry Interval (3.1.2.11.2).
    assert.ok(!connect.includes(hex('11 00000e10')));
    broker.send(ACCEPTED_5);
    assert.deepEqual([broker.taken(), broker.endings], [DISCONNECT, ['end']]);
    broker.closed();
    assert.equal((await report).failure, undefined);
  });

  it('says with which version it was accepted where 5 was refused', async () => {
    const { report, peer, dialled } = scene({});
    const first = await peer(0);
    first.send(hex('2003 00 84 00'));
    first.closed();
    const second = await peer(1);
    second.send(ACCEPTED_4);
    second.closed();
    const { protocolVersion, firstRefusal, failure } = await report;
    assert.deepEqual([protocolVersion, failure, dialled.length], [4, undefined, 2]);
    assert.ok(firstRefusal instanceof ConnectionRefused && firstRefusal.reasonCode === 0x84);
  });

  it('is refused with the reason of the broker', async () => {
    const { report, peer } = scene({ protocolVersion: 4, username: 'ann', password: 'wrong' });
    const broker = await peer(0);
    broker.send(hex('2002 00 05'));
    broker.closed();
    const { failure } = await report;
    assert.deepEqual([failure?.stage, failure?.listener], ['mqtt', undefined]);
    assert.ok(failure?.error instanceof ConnectionRefused && failure.error.reasonCode === 0x87);
    assert.doesNotMatch(failure.error.message, /wrong/);
  });

  it('fails at the stage that was under way, with the certificate that did not verify', async () => {
    const cause = Object.assign(new Error('expired'), { code: 'CERT_HAS_EXPIRED' });
    const { report } = scene({ server: 'mqtts://192.0.2.1' }, (_server, { watch }) => {
      watch?.({ kind: 'opened', address: '192.0.2.1', port: 8883 });
      watch?.({ kind: 'certificate', certificate: CERTIFICATE });
      return new MqttError('tls-failed', 'expired', { cause });
    });
    const { failure, steps } = await report;
    assert.deepEqual([failure?.stage, failure?.certificate], ['secure', CERTIFICATE]);
    // An address needs no name server.
    assert.deepEqual(
      steps.map(({ stage }) => stage),
      ['connect'],
    );
  });

  it('goes by a proxy where there is one, and fails there', async () => {
    const { report } = scene({ server: 'wss://broker.example' }, (_server, { watch }) => {
      watch?.({ kind: 'proxy', proxy: 'http://proxy.example:3128' });
      return new MqttError('unreachable', 'no proxy', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) });
    });
    assert.equal((await report).failure?.stage, 'proxy');
  });

  it('ends within its time, whatever does not answer', async () => {
    const { report, clock, dialled } = scene({ connectTimeout: 15_000 }, () => undefined);
    await until(() => dialled.length > 0, 'it is dialled');
    clock.advance(15_000);
    const { failure } = await report;
    assert.deepEqual([failure?.stage, failure?.error.code], ['resolve', 'unreachable']);
    assert.match(failure?.error.message ?? '', /did not answer within 15 s/);
    assert.equal(clock.armed, 0);
  });

  it('ends at once when nobody waits for it any more, and nothing is left of it', async () => {
    const dialling = scene({}, () => undefined);
    dialling.abort.abort(new Error('the dialog was closed'));
    await assert.rejects(dialling.report, /the dialog was closed/);
    assert.equal(dialling.clock.armed, 0);

    const connecting = scene({});
    const broker = await connecting.peer(0);
    connecting.abort.abort(new Error('the dialog was closed'));
    await assert.rejects(connecting.report, /the dialog was closed/);
    assert.deepEqual([connecting.clock.armed, broker.endings], [0, ['destroy']]);
  });

  it('is not made with options that make no sense', async () => {
    const made = probe({ server: 'http://broker.example' }, new AbortController().signal);
    await assert.rejects(made, { code: 'invalid-options' });
  });
});

describe('A second look at a wrong port', () => {
  const SECRETS = { username: 'ann', password: 'hush', protocolVersion: 4 } as const;

  /** Without TLS the port answers; with it, it fails. */
  const noTls: Network = ({ scheme }) =>
    scheme === 'mqtts' || scheme === 'wss' ? new NotTls('mqtts://h', new Error()) : 'open';

  it('finds MQTT where TLS was expected, and says no secret without it', async () => {
    const { report, peer } = scene({ server: 'mqtts://broker.example', ...SECRETS }, noTls);
    const broker = await peer(1);
    const said = broker.taken().toString('latin1');
    assert.match(said, /posthorntest/);
    assert.doesNotMatch(said, /ann|hush/);
    broker.send(ACCEPTED_4);
    const { failure } = await report;
    assert.equal(failure?.listener, 'mqtt');
    assert.deepEqual(broker.endings, ['destroy']);
  });

  it('finds MQTT where the TLS handshake was never answered', async () => {
    const network: Network = ({ scheme }, { watch }) => {
      watch?.({ kind: 'opened', address: '192.0.2.1', port: 8883 });
      return scheme === 'mqtts' ? undefined : 'open';
    };
    const { report, peer, clock, dialled } = scene({ server: 'mqtts://192.0.2.1', connectTimeout: 2000 }, network);
    await until(() => dialled.length > 0, 'it is dialled');
    clock.advance(2000);
    (await peer(1)).send(ACCEPTED_4);
    const { failure } = await report;
    assert.deepEqual([failure?.stage, failure?.listener], ['secure', 'mqtt']);
  });

  it('finds a web server where TLS was expected', async () => {
    const { report, peer } = scene({ server: 'wss://broker.example', ...SECRETS }, noTls);
    (await peer(1)).send(Buffer.from('HTTP/1.1 400 Bad Request\r\n'));
    assert.equal((await report).failure?.listener, 'http');
  });

  it('finds TLS where a broker hung up on a CONNECT in the clear', async () => {
    const { report, peer, dialled } = scene({ ...SECRETS }, ({ scheme }, { watch }) => {
      if (scheme === 'mqtts') watch?.({ kind: 'certificate', certificate: CERTIFICATE });
      return scheme === 'mqtts' ? new Error('no') : 'open';
    });
    (await peer(0)).closed();
    const { failure } = await report;
    assert.ok(failure?.error instanceof ConnectUnanswered);
    assert.equal(failure.listener, 'tls');
    // Whoever it is: nothing is said there.
    assert.deepEqual(dialled[1]?.options.tls, { rejectUnauthorized: false });
    assert.deepEqual(dialled[1]?.peer.writes, []);
  });

  it('knows by the first bytes what answered a CONNECT, and looks no further', async () => {
    const { report, peer, dialled } = scene(SECRETS);
    const server = await peer(0);
    server.send(Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'));
    server.closed();
    assert.equal((await report).failure?.listener, 'ssh');
    assert.equal(dialled.length, 1);
  });

  it('sees nothing where nothing answers, in three seconds', async () => {
    const { report, peer, clock } = scene({ server: 'mqtts://broker.example', ...SECRETS }, noTls);
    await peer(1);
    clock.advance(3000);
    assert.equal((await report).failure?.listener, undefined);
    assert.equal(clock.armed, 0);
  });
});
