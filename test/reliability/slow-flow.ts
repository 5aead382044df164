// npm run slow-flow -- --messages 200000 --work 5
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/index.ts';
import { optionalTool } from '../support/optional.ts';
import { RealBroker } from '../support/real-broker.ts';
import { NodeRedUnderTest, type Watched } from './node-red.ts';

const HELP = `npm run slow-flow -- [options]

A flood of messages at QoS 1 crosses mosquitto to a flow that takes a while for each and acknowledges it then, while
another mqtt-in of the same connection gets messages at QoS 0. Prints what the flood costs Node-RED meanwhile.

  --messages N   of the flood (200000)
  --work MS      the flow takes so long for a message (5)
  --version V    4 (MQTT 3.1.1) or 5 (5)
  --young MIB    a half of V8's young generation has this size all the time (32); 0: V8 lets it grow meanwhile
`;

/** Milliseconds in which Node-RED comes to rest before it is watched. */
const WARM_UP = 2000;

void main().catch((error: unknown) => {
  process.stderr.write(`slow-flow: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '200000' },
      work: { type: 'string', default: '5' },
      version: { type: 'string', default: '5' },
      young: { type: 'string', default: '32' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const mosquitto = optionalTool('mosquitto');
  if (mosquitto === undefined) throw new Error('mosquitto is not installed');
  const broker = await RealBroker.start(mosquitto);
  const young = Number(values.young);
  // What that grows by is V8's choice, and not what messages keep.
  const sized = [`--min-semi-space-size=${young}`, `--max-semi-space-size=${young}`];
  const nodeRed = await NodeRedUnderTest.start(undefined, young > 0 ? sized : []);
  const publisher = new Client({ server: broker.url, clientId: 'publisher' });
  try {
    await nodeRed.deploy(flows(broker.port, Number(values.work), values.version), 'full');
    await sleep(WARM_UP);
    publisher.connect();
    report(Number(values.messages), ...(await flood(nodeRed, publisher, Number(values.messages))));
  } finally {
    await publisher.close();
    await nodeRed.stop();
    await broker.stop();
  }
}

/** The share of the messages behind which the memory has to be flat: until then V8 gives the heap its size. */
const WARM = 0.2;

/** @returns what was seen, how many messages at QoS 0 there were, and how many seconds it took. */
async function flood(
  nodeRed: NodeRedUnderTest,
  publisher: Client,
  messages: number,
): Promise<[Watched, number, number]> {
  await nodeRed.watch();
  const began = performance.now();
  const payload = Buffer.alloc(64, 'x');
  const given = give(publisher, messages, payload);
  let asides = 0;
  let isWarm = false;
  for (;;) {
    publisher.publish({ topic: 'aside', payload, qos: 0 }, () => undefined);
    asides += 1;
    await sleep(20);
    const watched = await nodeRed.watched();
    if (!isWarm && (watched.counts['done'] ?? 0) >= messages * WARM) {
      isWarm = true;
      await nodeRed.flatFrom();
    }
    if ((watched.counts['done'] ?? 0) < messages) continue;
    await given;
    return [watched, asides, (performance.now() - began) / 1000];
  }
}

async function give(publisher: Client, messages: number, payload: Buffer): Promise<void> {
  const batch = 2000;
  for (let given = 0; given < messages; given += batch) {
    const count = Math.min(batch, messages - given);
    await Promise.all(
      Array.from(
        { length: count },
        () =>
          new Promise<void>((resolve, reject) =>
            publisher.publish({ topic: 'flood', payload, qos: 1 }, (error) => (error ? reject(error) : resolve())),
          ),
      ),
    );
  }
}

function flows(port: number, workMs: number, protocolVersion: string): object[] {
  const place = { z: 'tab', x: 0, y: 0 };
  return [
    { id: 'tab', type: 'tab', label: 'tab' },
    { id: 'c', type: 'mqtt-connection', broker: '127.0.0.1', port, clientid: 'slow', protocolVersion },
    {
      ...place,
      id: 'in',
      type: 'mqtt-in',
      broker: 'c',
      topic: 'flood',
      qos: '1',
      datatype: 'utf8',
      acknowledge: 'flow',
      atOnce: '20',
      wires: [['work']],
    },
    {
      ...place,
      id: 'work',
      type: 'delay',
      pauseType: 'delay',
      timeout: String(workMs),
      timeoutUnits: 'milliseconds',
      wires: [['ack']],
    },
    { ...place, id: 'ack', type: 'mqtt-ack', reasonCode: '', wires: [['done']] },
    { ...place, id: 'done', type: 'reliability-sink', counts: true, wires: [] },
    {
      ...place,
      id: 'aside',
      type: 'mqtt-in',
      broker: 'c',
      topic: 'aside',
      qos: '0',
      datatype: 'utf8',
      wires: [['aside-sink']],
    },
    { ...place, id: 'aside-sink', type: 'reliability-sink', counts: true, wires: [] },
  ];
}

function report(messages: number, watched: Watched, asides: number, seconds: number): void {
  const { longestGapMs, leastBytes, mostBytes, heapBefore, leastHeap, counts } = watched;
  process.stdout.write(
    `${messages} messages in ${seconds.toFixed(0)} s (${Math.round(messages / seconds)} a second)\n` +
      `behind the first fifth the memory of the process grew by ${mebibytes(mostBytes - leastBytes)} MiB, to ${mebibytes(mostBytes)} MiB\n` +
      `the least of its heap was ${mebibytes(heapBefore)} MiB in the first fifth, and ${mebibytes(leastHeap)} MiB since\n` +
      `longest gap of a 5 ms timer: ${longestGapMs.toFixed(0)} ms\n` +
      `the other mqtt-in got ${counts['aside-sink'] ?? 0} of ${asides} messages at QoS 0\n`,
  );
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
