// npm run backlog -- --messages 1000000
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { generate, type Packet, parser } from 'mqtt-packet';
import { freePort } from '../support/ports.ts';
import { NodeRedUnderTest } from './node-red.ts';

const HELP = `npm run backlog -- [options]

Messages of 64 bytes at QoS 1 wait on disk for a broker that is away. Prints what they cost Node-RED in memory, beside what
it takes for as many that do not wait; then kills it, starts it again with the broker there, kills it in the middle of what
arrives, and says whether all arrived in order.

  --messages N   (1000000)
`;

/** Milliseconds in which Node-RED comes to rest before it is watched. */
const REST = 3000;

/** Messages that go through before others wait. */
const WARM_UP = 300_000;

/** Bytes of a payload. */
const SIZE = 64;

void main().catch((error: unknown) => {
  process.stderr.write(`backlog: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { messages: { type: 'string', default: '1000000' }, help: { type: 'boolean', default: false } },
  });
  if (values.help) return void process.stdout.write(HELP);
  const messages = Number(values.messages);
  const port = await freePort();
  let nodeRed = await NodeRedUnderTest.start();
  const broker = new Counting();
  try {
    await broker.listen(port);
    await nodeRed.deploy(flows(port), 'full');
    await sleep(REST);
    await nodeRed.watch();
    await sleep(REST);
    const { leastBytes: idle } = await nodeRed.watched();
    const busy = await warmUp(nodeRed);
    await broker.close();
    broker.forget();
    await fill(nodeRed, messages, idle, busy);
    await nodeRed.kill();
    await broker.listen(port);
    nodeRed = await timed('started again, it is at the broker', () => nodeRed.startAgain());
    await broker.has(messages / 2);
    await nodeRed.kill();
    process.stdout.write(`killed when ${broker.different} had arrived\n`);
    nodeRed = await nodeRed.startAgain();
    await broker.has(messages);
    const { different, again, disordered } = broker;
    process.stdout.write(`${different} of ${messages} arrived, ${again} of them again, ${disordered} out of order\n`);
    if (disordered > 0) process.exitCode = 1;
  } finally {
    await nodeRed.stop();
    await broker.close();
  }
}

/** The young generation of V8 grows with the first load, and LevelDB's memory: that is no cost of what waits. */
async function warmUp(nodeRed: NodeRedUnderTest): Promise<number> {
  await filled(nodeRed, 'through', WARM_UP);
  return atRest(nodeRed);
}

async function fill(nodeRed: NodeRedUnderTest, messages: number, idle: number, busy: number): Promise<void> {
  const began = performance.now();
  await filled(nodeRed, 'out', messages);
  const seconds = (performance.now() - began) / 1000;
  const { mostBytes, longestGapMs } = await nodeRed.watched();
  const after = await atRest(nodeRed);
  process.stdout.write(
    `${messages} messages stored in ${seconds.toFixed(0)} s (${Math.round(messages / seconds)} a second)\n` +
      `memory of the process: idle ${mebibytes(idle)} MiB; behind ${WARM_UP} that did not wait ` +
      `${mebibytes(busy - idle)} MiB more; with those that wait at most ${mebibytes(mostBytes - busy)} MiB more than that, ` +
      `at rest ${mebibytes(after - busy)} MiB\n` +
      `longest gap of a 5 ms timer: ${longestGapMs.toFixed(0)} ms\n`,
  );
}

async function filled(nodeRed: NodeRedUnderTest, node: string, messages: number): Promise<void> {
  await nodeRed.fill(node, messages, SIZE);
  while (((await nodeRed.filled()) ?? 0) < messages) await sleep(200);
}

async function atRest(nodeRed: NodeRedUnderTest): Promise<number> {
  await sleep(REST);
  await nodeRed.flatFrom();
  await sleep(1000);
  const { leastBytes } = await nodeRed.watched();
  return leastBytes;
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  process.stdout.write(`${what} behind ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
  return result;
}

/** A broker that acknowledges, and counts by the numbers in the payloads. */
class Counting {
  readonly #server: Server = createServer({ noDelay: true }, (socket) => this.#own(socket));
  readonly #sockets = new Set<Socket>();
  #next = 0;
  again = 0;
  disordered = 0;

  get different(): number {
    return this.#next;
  }

  /** What arrived so far was something else. */
  forget(): void {
    this.#next = 0;
    this.again = 0;
    this.disordered = 0;
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Resolves when so many have arrived; rejects where nothing came for a minute. */
  async has(messages: number): Promise<void> {
    for (let before = -1, calm = 0; this.#next < messages; calm = this.#next === before ? calm + 1 : 0) {
      if (calm > 600) throw new Error(`only ${this.#next} messages arrived, ${this.disordered} out of order`);
      before = this.#next;
      await sleep(100);
    }
  }

  #own(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    const parse = parser();
    let answers: Buffer[] = [];
    parse.on('packet', (packet: Packet) => {
      if (packet.cmd === 'connect') answers.push(generate({ cmd: 'connack', sessionPresent: false, returnCode: 0 }));
      if (packet.cmd === 'pingreq') answers.push(generate({ cmd: 'pingresp' }));
      if (packet.cmd !== 'publish') return;
      this.#count(Number(packet.payload));
      answers.push(generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }));
    });
    socket.on('data', (chunk: Buffer) => {
      parse.parse(chunk);
      socket.write(Buffer.concat(answers));
      answers = [];
    });
  }

  #count(number: number): void {
    if (number === this.#next) this.#next += 1;
    else if (number < this.#next) this.again += 1;
    else this.disordered += 1;
  }
}

function flows(port: number): object[] {
  const place = { z: 'tab', x: 0, y: 0 };
  return [
    { id: 'tab', type: 'tab', label: 'tab' },
    {
      id: 'c',
      type: 'mqtt-connection',
      broker: '127.0.0.1',
      port,
      clientid: 'backlog',
      protocolVersion: '4',
      cleansession: false,
      sessionStore: 'disk',
      maxMessages: '2000000',
      maxBytes: '1000',
    },
    { ...place, id: 'through', type: 'mqtt-out', broker: 'c', topic: 'through', qos: '1', wires: [] },
    { ...place, id: 'out', type: 'mqtt-out', broker: 'c', topic: 'waiting', qos: '1', completes: 'stored', wires: [] },
  ];
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
