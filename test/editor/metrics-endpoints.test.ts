import assert from 'node:assert/strict';
import type { ConnectionHealth, OverallHealth } from '../../nodes/metrics/health.ts';
import { type AedesBroker, startAedesBroker } from '../support/aedes-broker.ts';
import { freePort } from '../support/ports.ts';
import { parsedMetrics } from '../support/prometheus.ts';
import { bearer, NodeRedProcess } from './node-red-process.ts';

const USERS = { owner: '*', scraper: 'mqtt-connection.read', writer: 'flows.write' };

// In order: each step stands on the one before.
describe('what programs outside ask of the connections, under a path and with logins', function () {
  this.timeout(60_000);
  let broker: AedesBroker;
  let nodeRed: NodeRedProcess;
  const tokens = new Map<string, string>();

  const flow = (...connections: object[]): object[] => [
    { id: 'tab', type: 'tab', label: 'Flow' },
    {
      id: 'good',
      type: 'mqtt-connection',
      name: 'The "house"',
      broker: '127.0.0.1',
      port: broker.port,
      credentials: { user: 'ann', password: 'hush-hush' },
    },
    {
      id: 'start',
      type: 'inject',
      z: 'tab',
      once: true,
      onceDelay: 0,
      props: [{ p: 'payload' }],
      payload: '1',
      wires: [['out']],
    },
    { id: 'out', type: 'mqtt-out', z: 'tab', topic: 'house/1', qos: '1', broker: 'good', wires: [] },
    ...connections,
  ];

  before(async () => {
    broker = await startAedesBroker();
    nodeRed = await NodeRedProcess.start(undefined, { root: '/ops/', users: USERS });
    for (const name of Object.keys(USERS)) tokens.set(name, await nodeRed.logIn(name));
    await nodeRed.deploy(flow(), tokens.get('owner'));
  });

  after(async () => {
    await nodeRed?.stop();
    await broker?.close();
  });

  const get = (path: string, who = 'scraper'): Promise<Response> =>
    fetch(new URL(`posthorn/${path}`, nodeRed.url), { headers: bearer(tokens.get(who)) });

  /** Asks again until it is so: nothing else tells from outside. */
  async function eventually<T>(ask: () => Promise<T>, isRight: (answer: T) => boolean): Promise<T> {
    for (let answer = await ask(); ; answer = await ask()) {
      if (isRight(answer)) return answer;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async function metric(name: string): Promise<number | undefined> {
    const { samples } = await parsedMetrics(await (await get('metrics')).text());
    return samples.get(name)?.find(({ labels }) => labels['qos'] === undefined || labels['qos'] === '1')?.value;
  }

  it('is refused with 401 and a sentence to who may not, and is nowhere else', async () => {
    for (const who of ['writer', 'a stranger']) {
      for (const path of ['metrics', 'health', 'health/good']) {
        const response = await get(path, who);
        assert.deepEqual([response.status, path, who], [401, path, who]);
        assert.match(await response.text(), /with the permission mqtt-connection\.read$/);
      }
    }
    assert.equal((await fetch(new URL('/posthorn/metrics', nodeRed.url))).status, 404);
  });

  it('are metrics that a parser of Prometheus accepts, without a secret', async () => {
    await eventually(
      () => metric('posthorn_publish_duration_seconds_count'),
      (count) => count === 1,
    );
    const response = await get('metrics');
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain;.* version=0\.0\.4/);
    const text = await response.text();
    const { samples, types } = await parsedMetrics(text);
    assert.ok(types.size >= 16);
    assert.deepEqual(samples.get('posthorn_connection_up'), [
      { labels: { connection: 'The "house"', id: 'good' }, value: 1 },
    ]);
    assert.equal(await metric('posthorn_messages_sent_total'), 1);
    assert.doesNotMatch(text, /hush|ann/);
  });

  it('is the health of each connection and over all, with 200 where all is well', async () => {
    const response = await get('health');
    assert.deepEqual([response.status, response.headers.get('cache-control')], [200, 'no-store']);
    const { health, connections } = (await response.json()) as OverallHealth;
    assert.deepEqual([health, connections.length], ['up', 1]);
    const one = await get('health/good');
    const { health: own, state, server } = (await one.json()) as ConnectionHealth;
    assert.deepEqual([one.status, own, state, server], [200, 'up', 'connected', `mqtt://127.0.0.1:${broker.port}`]);
    assert.equal((await get('health/nobody')).status, 404);
    assert.equal((await get('health/__proto__')).status, 404);
  });

  it('is 503 with the reason where one is down, and the others are told as they are', async () => {
    const bad = { id: 'bad', type: 'mqtt-connection', broker: '127.0.0.1', port: await freePort() };
    const unused = { id: 'unused', type: 'mqtt-connection', broker: '127.0.0.1', port: await freePort() };
    const sender = { id: 'lost', type: 'mqtt-out', z: 'tab', topic: 'a', qos: '1', broker: 'bad', wires: [] };
    await nodeRed.deploy(flow(bad, unused, sender), tokens.get('owner'));
    // Node-RED answers before it has made the nodes.
    await eventually(
      async () => (await get('health/bad')).text(),
      (text) => text.includes('ECONNREFUSED'),
    );
    assert.equal((await get('health/bad')).status, 503);
    await eventually(
      async () => (await get('health/good')).status,
      (status) => status === 200,
    );
    const response = await get('health');
    const { health, connections } = (await response.json()) as OverallHealth;
    assert.deepEqual([response.status, health], [503, 'down']);
    assert.deepEqual(Object.fromEntries(connections.map((one) => [one.id, one.health])), {
      good: 'up',
      bad: 'down',
      unused: 'off',
    });
    assert.equal((await get('health/unused')).status, 200);
  });
});
