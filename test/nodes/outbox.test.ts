import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionReport } from '../../nodes/mqtt-connection/connection-report.ts';
import { type AedesBroker, startAedesBroker } from '../support/aedes-broker.ts';
import { until } from '../support/events.ts';
import { collect, nextMessage, node, startFlow, statuses, stopFlow, useUserDir } from '../support/flow.ts';
import { freePort } from '../support/ports.ts';
import { CONNECTED, connection, dynamicIn, HELPERS, mqttOut, showConnected } from './flows.ts';

/** The messages that a Catch node got, and why they failed. The connection's own failures have no payload. */
function failures(caught: readonly Record<string, unknown>[]): string[] {
  return caught
    .filter(({ payload }) => payload !== undefined)
    .map(({ payload, error }) => `${String(payload)}: ${(error as { code: string }).code}`);
}

describe('What waits while the broker is away', () => {
  let port: number;

  before(async () => {
    port = await freePort();
  });
  afterEach(() => stopFlow());

  const start = (settings: object): Promise<void> =>
    startFlow([connection(port, settings), mqttOut({ qos: '1' }), dynamicIn(), ...HELPERS]);

  const send = (...payloads: string[]): void => {
    for (const payload of payloads) node('out').receive({ topic: payload.charAt(0), payload });
  };

  it('gives way to what is newer where the connection says so, and goes to the Catch node', async () => {
    await start({ maxMessages: '2', whenFull: 'drop-oldest' });
    const caught = collect('caught');
    send('a1', 'b1', 'c1');
    await until(() => failures(caught).length === 1, 'one failed');
    assert.deepEqual(failures(caught), ['a1: dropped']);
  });

  it('gives way to a later message of its topic where the connection says so', async () => {
    await start({ maxMessages: 2, whenFull: 'keep-latest' });
    const caught = collect('caught');
    send('a1', 'b1', 'a2', 'c1');
    await until(() => failures(caught).length === 2, 'two failed');
    assert.deepEqual(failures(caught), ['a1: dropped', 'c1: outbox-full']);
  });

  it('fails when it has waited too long', async () => {
    await start({ longestWait: '1' });
    const caught = collect('caught');
    send('a1');
    await until(() => failures(caught).length === 1, 'it failed');
    assert.deepEqual(failures(caught), ['a1: expired']);
  });

  it('is shown at the node that publishes, and is told to who asks', async () => {
    await start({ maxMessages: 2 });
    send('a1', 'b1', 'c1');
    await until(
      () => /^red ring connection refused, 2 waiting \(\d+ s\), 1 refused$/.test(statuses('out').at(-1) ?? ''),
      'it is shown',
    );
    assert.equal(statuses('in').at(-1), 'red ring connection refused');
    const answer = nextMessage('h');
    node('in').receive({ action: 'getStatus' });
    const { topic, payload } = await answer;
    const { outbox, error, lastFailure, nextAttempt, latency, ...rest } = payload as ConnectionReport;
    assert.equal(topic, 'status');
    assert.match(error ?? '', new RegExp(`^cannot reach mqtt://127.0.0.1:${port}`));
    const { at = 0, message, code, systemCode } = lastFailure ?? {};
    assert.deepEqual([message, code, systemCode], [error, 'unreachable', 'ECONNREFUSED']);
    assert.ok(Math.abs(at - Date.now()) < 60_000);
    assert.equal(nextAttempt !== undefined, rest.state === 'waiting');
    assert.deepEqual({ ...outbox, oldest: outbox.oldest >= 2 }, { messages: 2, bytes: 406, oldest: true });
    assert.ok(['waiting', 'connecting'].includes(rest.state));
    // None has an answer yet: one count for each range, and one for what is above all.
    assert.deepEqual(latency.qos1.counts, [...latency.qos1.bounds.map(() => 0), 0]);
    assert.deepEqual(
      { ...rest, state: '' },
      {
        state: '',
        server: `mqtt://127.0.0.1:${port}`,
        clientId: 'posthorn',
        protocolVersion: 4,
        session: undefined,
        connectedSince: undefined,
        roundTrip: undefined,
        reconnects: 0,
        received: { packets: [0, 0, 0], bytes: [0, 0, 0] },
        sent: { packets: [0, 0, 0], bytes: [0, 0, 0] },
        inFlight: 0,
        dropped: 1,
        failures: { 'outbox-full': 1 },
        subscriptions: 0,
        limits: undefined,
        flow: undefined,
      },
    );
  });
});

describe('A connection whose broker comes back', () => {
  let broker: AedesBroker;
  let userDir: string;

  beforeEach(async () => {
    userDir = await mkdtemp(join(tmpdir(), 'posthorn-outbox-'));
    broker = await startAedesBroker();
    useUserDir(userDir);
  });
  afterEach(async () => {
    await stopFlow();
    useUserDir();
    await broker.close();
    await rm(userDir, { recursive: true, force: true });
  });

  it('sends what waited at QoS 0 too, where it may wait', async () => {
    await startFlow([connection(broker.port, { qos0Waits: true }), mqttOut({ qos: '0' }), dynamicIn(), ...HELPERS]);
    node('in').receive({ action: 'subscribe', topic: 'a' });
    await showConnected('out');
    const arriving = collect('h');
    const caught = collect('caught');
    broker.cut();
    await until(() => statuses('out').at(-1) !== CONNECTED, 'the connection is lost');
    for (const payload of ['1', '2']) node('out').receive({ topic: 'a', payload });
    await until(() => arriving.length === 2, 'both arrive');
    assert.deepEqual([arriving.map(({ payload }) => String(payload)), failures(caught)], [['1', '2'], []]);
  });

  it('is counted for who asks with the action getStatus, through its end and its return', async () => {
    await startFlow([connection(broker.port), mqttOut({ qos: '1' }), dynamicIn(), ...HELPERS]);
    node('in').receive({ action: 'subscribe', topic: 'a' });
    await showConnected('out');
    const completed = collect('completed');
    node('out').receive({ topic: 'a', payload: '12' });
    await until(() => completed.length === 1, 'the broker has it');
    broker.cut();
    const status = async (): Promise<ConnectionReport> => {
      const answer = nextMessage('h');
      node('in').receive({ action: 'getStatus' });
      return (await answer).payload as ConnectionReport;
    };
    await until(() => statuses('out').at(-1) !== CONNECTED, 'the connection is lost');
    const parted = await status();
    assert.deepEqual([parted.connectedSince, parted.limits], [undefined, undefined]);
    await until(() => statuses('out').at(-1) === CONNECTED, 'it is back');
    const { sent, reconnects, connectedSince, limits, lastFailure } = await status();
    assert.deepEqual([sent.packets, sent.bytes, reconnects], [[0, 1, 0], [0, 2, 0], 1]);
    assert.ok(Math.abs((connectedSince ?? 0) - Date.now()) < 60_000);
    assert.deepEqual([limits?.maximumQoS, limits?.maximumPacketSize], [2, undefined]);
    assert.equal(lastFailure?.code, 'connection-lost');
  });

  it('is not waited for by a message that is done when it is stored', async () => {
    const port = await freePort();
    await startFlow([
      connection(port, { sessionStore: 'disk', cleansession: false }),
      mqttOut({ qos: '1', completes: 'stored' }),
      ...HELPERS,
    ]);
    const completed = collect('completed');
    node('out').receive({ topic: 'a', payload: '1' });
    await until(() => completed.length === 1, 'it is done');
    assert.equal(completed[0]?.payload, '1');
  });
});
