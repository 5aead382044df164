import type { ConnectionNumbers, LatencyNumbers } from '../common/connection-numbers.ts';

/** One value, as `prom-client` writes it. */
export interface Sample {
  /** Where it is not that of the family: of a histogram its buckets, sum and count. */
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** All values of one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly values: readonly Sample[];
}

/** A connection to be told of. */
export interface Measured {
  readonly id: string;
  /** What it is called; it may have the name of another. */
  readonly name: string;
  readonly numbers: ConnectionNumbers;
}

type Labels = Readonly<Record<string, string | number>>;
type Values = (numbers: ConnectionNumbers) => readonly { readonly labels?: Labels; readonly value: number }[];

/** Characters of a label: whoever names a connection is not to fill the memory of who scrapes. */
const LONGEST_LABEL = 100;

/** Begins every name. */
const PREFIX = 'posthorn_';

const QOS = [0, 1, 2] as const;

interface Plain {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly values: Values;
}

const PLAIN: readonly Plain[] = [
  gauge('connection_up', 'Whether the connection is up: 1, or 0.', ({ state }) => one(state === 'connected' ? 1 : 0)),
  gauge('connection_info', 'Always 1: the server and the version of MQTT are in the labels.', (numbers) => [
    { labels: { server: label(numbers.server ?? ''), mqtt: VERSIONS[numbers.protocolVersion ?? 0] }, value: 1 },
  ]),
  gauge('connection_start_time_seconds', 'When the connection came up, since the epoch.', ({ connectedSince }) =>
    some(connectedSince, 1000),
  ),
  gauge('connection_round_trip_seconds', 'From the last PINGREQ to its answer.', ({ roundTrip }) =>
    some(roundTrip, 1000),
  ),
  counter('reconnects_total', 'Connections that followed on the first one.', ({ reconnects }) => one(reconnects)),
  counter('messages_received_total', 'PUBLISH packets that came.', ({ received }) => byQos(received.packets)),
  counter('payload_bytes_received_total', 'Bytes of their payloads.', ({ received }) => byQos(received.bytes)),
  counter('messages_sent_total', 'PUBLISH packets that left, repetitions too.', ({ sent }) => byQos(sent.packets)),
  counter('payload_bytes_sent_total', 'Bytes of their payloads.', ({ sent }) => byQos(sent.bytes)),
  counter('messages_failed_total', 'Messages that failed, by why.', ({ failures }) =>
    Object.entries(failures).map(([reason, value]) => ({ labels: { reason: label(reason) }, value })),
  ),
  gauge('outbox_messages', 'Messages that the broker does not have yet.', ({ outbox }) => one(outbox.messages)),
  gauge('outbox_bytes', 'Bytes that they take.', ({ outbox }) => one(outbox.bytes)),
  gauge('outbox_oldest_seconds', 'For how long the first of them has waited.', ({ outbox }) => one(outbox.oldest)),
  gauge('in_flight_messages', 'Messages that left and are not acknowledged.', ({ inFlight }) => one(inFlight)),
  gauge('subscriptions', 'Subscriptions of the flows.', ({ subscriptions }) => one(subscriptions)),
];

const VERSIONS = { 0: '', 3: '3.1', 4: '3.1.1', 5: '5' } as const;

/** What is told of all connections, in the families of Prometheus. */
export function metricFamilies(connections: readonly Measured[]): Family[] {
  return [
    ...PLAIN.map(({ values, ...family }) => ({
      ...family,
      values: connections.flatMap((connection) => labelled(connection, values(connection.numbers))),
    })),
    {
      name: `${PREFIX}publish_duration_seconds`,
      help: 'From when a message was accepted until the broker acknowledged it, by QoS.',
      type: 'histogram' as const,
      values: connections.flatMap(latencies),
    },
  ];
}

function latencies(connection: Measured): Sample[] {
  const { qos1, qos2 } = connection.numbers.latency;
  return [...histogram(connection, 1, qos1), ...histogram(connection, 2, qos2)];
}

/** Each bucket has what is in those below it too; the last has all. */
function histogram(connection: Measured, qos: 1 | 2, { bounds, counts, sum }: LatencyNumbers): Sample[] {
  const name = `${PREFIX}publish_duration_seconds`;
  const labels = { ...labelsOf(connection), qos };
  let below = 0;
  const buckets = counts.map((count, index) => {
    below += count;
    const bound = bounds[index];
    const le = bound === undefined ? '+Inf' : bound / 1000;
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum / 1000 },
    { metricName: `${name}_count`, labels, value: below },
  ];
}

function labelled(connection: Measured, values: ReturnType<Values>): Sample[] {
  return values.map(({ labels, value }) => ({ labels: { ...labelsOf(connection), ...labels }, value }));
}

/** The id tells those apart that have the same name. */
function labelsOf({ id, name }: Measured): Labels {
  return { connection: label(name), id: label(id) };
}

/** The library escapes what is there; this makes it short, and keeps control characters out of dashboards. */
function label(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ').slice(0, LONGEST_LABEL);
}

function gauge(name: string, help: string, values: Values): Plain {
  return { name: PREFIX + name, help, type: 'gauge', values };
}

function counter(name: string, help: string, values: Values): Plain {
  return { name: PREFIX + name, help, type: 'counter', values };
}

function one(value: number): ReturnType<Values> {
  return [{ value }];
}

/** @param unit so many make one. */
function some(value: number | undefined, unit: number): ReturnType<Values> {
  return value === undefined ? [] : [{ value: value / unit }];
}

function byQos(values: readonly [number, number, number]): ReturnType<Values> {
  return QOS.map((qos) => ({ labels: { qos }, value: values[qos] }));
}
