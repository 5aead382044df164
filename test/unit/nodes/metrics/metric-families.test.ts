import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expositionOf } from '../../../../nodes/metrics/exposition.ts';
import { metricFamilies } from '../../../../nodes/metrics/metric-families.ts';
import { healthOf, overallHealth, type Watched } from '../../../../nodes/metrics/health.ts';
import { parsedMetrics, type ParsedMetrics } from '../../../support/prometheus.ts';
import { numbers } from './numbers.ts';

const HOSTILE = 'a"} 1\nposthorn_connection_up{connection="x\\\r\u0000\u001b[31m';

async function metricsOf(...names: readonly string[]): Promise<ParsedMetrics> {
  const connections = names.map((name, index) => ({ id: `id${index}`, name, numbers: numbers() }));
  const { text } = await expositionOf(metricFamilies(connections));
  return parsedMetrics(text);
}

describe('The metrics of the connections', () => {
  it('are accepted by a parser of Prometheus, each connection by its name and id', async () => {
    const { types, samples } = await metricsOf('The house', 'The house');
    assert.equal(types.get('posthorn_connection_up'), 'GAUGE');
    assert.equal(types.get('posthorn_messages_sent_total'), 'COUNTER');
    assert.equal(types.get('posthorn_publish_duration_seconds'), 'HISTOGRAM');
    assert.deepEqual(samples.get('posthorn_connection_up'), [
      { labels: { connection: 'The house', id: 'id0' }, value: 1 },
      { labels: { connection: 'The house', id: 'id1' }, value: 1 },
    ]);
  });

  it('have counters by QoS and by why messages failed, and times in seconds', async () => {
    const { samples } = await metricsOf('c');
    const values = (name: string): unknown =>
      samples.get(name)?.map(({ labels, value }) => [labels['qos'] ?? labels['reason'], value]);
    assert.deepEqual(values('posthorn_messages_sent_total'), [
      ['0', 1],
      ['1', 2],
      ['2', 3],
    ]);
    assert.deepEqual(values('posthorn_messages_failed_total'), [
      ['expired', 4],
      ['offline', 5],
    ]);
    assert.deepEqual(values('posthorn_connection_round_trip_seconds'), [[undefined, 0.0125]]);
    assert.deepEqual(values('posthorn_outbox_oldest_seconds'), [[undefined, 7]]);
    assert.deepEqual(values('posthorn_connection_start_time_seconds'), [[undefined, 1_700_000_000]]);
  });

  it('have a histogram of how long publishing took, whose buckets hold what is below them too', async () => {
    const { samples } = await metricsOf('c');
    const values = (suffix: string): unknown =>
      samples
        .get(`posthorn_publish_duration_seconds_${suffix}`)
        ?.filter(({ labels }) => labels['qos'] === '1')
        .map(({ labels, value }) => [labels['le'], value]);
    assert.deepEqual(values('bucket'), [
      ['0.001', 1],
      ['0.01', 3],
      ['+Inf', 6],
    ]);
    assert.deepEqual([values('count'), values('sum')], [[[undefined, 6]], [[undefined, 0.5]]]);
  });

  it('have no value of what is not known', async () => {
    const connection = { id: 'c', name: 'c', numbers: numbers({ roundTrip: undefined, connectedSince: undefined }) };
    const { samples } = await parsedMetrics((await expositionOf(metricFamilies([connection]))).text);
    assert.equal(samples.has('posthorn_connection_round_trip_seconds'), false);
    assert.equal(samples.has('posthorn_connection_start_time_seconds'), false);
  });

  it('cannot be forged by a name, nor made long by it', async () => {
    const connection = { id: HOSTILE, name: HOSTILE.padEnd(100_000, 'x'), numbers: numbers({ server: HOSTILE }) };
    const { text } = await expositionOf(metricFamilies([connection]));
    const up = (await parsedMetrics(text)).samples.get('posthorn_connection_up');
    assert.equal(up?.length, 1);
    assert.equal(up[0]?.labels['connection']?.length, 100);
    assert.ok(text.length < 30_000);
    assert.deepEqual(text.replaceAll('\n', '').match(/\p{Cc}/gu), null);
  });

  it('are there where there is no connection', async () => {
    const { text, contentType } = await expositionOf(metricFamilies([]));
    assert.match(contentType, /^text\/plain; version=0\.0\.4/);
    assert.match(text, /# TYPE posthorn_connection_up gauge\n/);
  });
});

describe('What the documents say of the metrics', () => {
  const DOCS = join(__dirname, '../../../../docs');
  const names = metricFamilies([]).map(({ name }) => name);
  const namesIn = (file: string): Set<string> =>
    new Set(readFileSync(join(DOCS, file), 'utf8').match(/\bposthorn_\w+/g));

  it('is all of them, and no other', () => {
    assert.deepEqual([...namesIn('monitoring.md')].toSorted(byText), names.toSorted(byText));
  });

  it('is the same in the dashboard, which asks for nothing that is not there', () => {
    const asked = [...namesIn('grafana-dashboard.json')].map((name) => name.replace(/_bucket$/, ''));
    assert.ok(asked.length > 8);
    assert.deepEqual(
      asked.filter((name) => !names.includes(name)),
      [],
    );
  });
});

describe('The health of the connections', () => {
  const watched = (more: Partial<Watched>): Watched => ({
    id: 'c',
    name: 'The house',
    numbers: numbers(),
    isTrying: false,
    isImpossible: false,
    ...more,
  });
  const id = 'network.ECONNREFUSED';
  const failure = { at: 1, id, code: 'unreachable', reasonCode: undefined, systemCode: 'ECONNREFUSED', message: 'no' };
  const waiting = numbers({ state: 'waiting', connectedSince: undefined, lastFailure: failure });

  it('is up with those that are, and down with the reason of each that should be', () => {
    assert.equal(healthOf(watched({})).health, 'up');
    const down = healthOf(watched({ numbers: waiting, isTrying: true }));
    assert.deepEqual([down.health, down.failure], ['down', failure]);
    assert.equal(healthOf(watched({ numbers: numbers({ state: 'idle' }), isImpossible: true })).health, 'down');
  });

  it('does not suffer from a connection that nobody wants', () => {
    const off = healthOf(watched({ numbers: numbers({ state: 'idle', lastFailure: failure }) }));
    assert.deepEqual([off.health, off.failure], ['off', undefined]);
    assert.equal(overallHealth([off, healthOf(watched({}))]).health, 'up');
    assert.equal(overallHealth([]).health, 'up');
  });

  it('is down over all where one is', () => {
    const down = healthOf(watched({ numbers: waiting, isTrying: true }));
    assert.equal(overallHealth([healthOf(watched({})), down]).health, 'down');
  });
});

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
