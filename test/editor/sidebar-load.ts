/**
 * What the open sidebar costs, and how fast its page answers: mosquitto, Node-RED and a browser on this machine, a paced
 * publisher on many topics, some twenty seconds in each state. Usage, behind `npm run build`:
 *
 *     node --import tsx test/editor/sidebar-load.ts [--rate 20000] [--topics 50000] [--seconds 15]
 */
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { Client } from '../../src/index.ts';
import { optionalTool } from '../support/optional.ts';
import { RealBroker } from '../support/real-broker.ts';
import { startBrowser } from './browser.ts';
import { EditorPage } from './editor-page.ts';
import { NodeRedProcess } from './node-red-process.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '20000' },
    topics: { type: 'string', default: '50000' },
    seconds: { type: 'string', default: '15' },
  },
});
const [RATE, TOPICS, SECONDS] = [Number(values.rate), Number(values.topics), Number(values.seconds)];

/** Milliseconds between two bursts of the publisher. */
const BURST = 20;

/** Clock ticks of /proc in a second. */
const TICKS = 100;

const CLICKS = 15;

/** 200 groups, each with the same number of topics. */
const topicOf = (index: number): string => `load/${index % 200}/${Math.floor(index / 200)}/value`;

/** Publishes at the rate, until it is ended. */
class Publisher {
  readonly #client: Client;
  readonly #timer: NodeJS.Timeout;
  #sent = 0;

  constructor(url: string) {
    this.#client = new Client({ server: url, protocolVersion: 5, clientId: 'publisher' });
    this.#client.connect();
    const begun = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - begun) * RATE) / 1000;
      for (; this.#sent < due; this.#sent++) this.#publish(this.#sent % TOPICS);
    }, BURST);
  }

  get sent(): number {
    return this.#sent;
  }

  #publish(index: number): void {
    const payload = `${(index % 1000) / 10}`.padEnd(32, ' ');
    this.#client.publish({ topic: topicOf(index), payload, qos: 0 }, () => undefined);
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#client.close();
  }
}

/** CPU seconds that a process has used. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Percent of one core, over the seconds of a measurement; and messages that the publisher sent in one of them. */
async function measure(pid: number, publisher: Publisher): Promise<{ cpu: number; rate: number }> {
  await wait(3000);
  const [cpu, sent, at] = [cpuOf(pid), publisher.sent, performance.now()];
  await wait(SECONDS * 1000);
  const seconds = (performance.now() - at) / 1000;
  return { cpu: (100 * (cpuOf(pid) - cpu)) / seconds, rate: (publisher.sent - sent) / seconds };
}

/** Milliseconds from a click in the page to the frame that shows what it led to. */
function click(page: Page, target: string, shown: string): Promise<number> {
  return page.evaluate(
    async ([at = '', expected = '']) => {
      const begun = performance.now();
      document.querySelector<HTMLElement>(at)?.click();
      while (document.querySelector(expected) === null) await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      return performance.now() - begun;
    },
    [target, shown],
  );
}

function told(name: string, times: readonly number[]): void {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (share: number): string => (sorted[Math.ceil(sorted.length * share) - 1] ?? 0).toFixed(0);
  process.stdout.write(`${name}: median ${at(0.5)} ms, 95 % ${at(0.95)} ms, longest ${at(1)} ms\n`);
}

async function clicks(page: Page): Promise<void> {
  const [chosen, opened]: [number[], number[]] = [[], []];
  for (let count = 0; count < CLICKS; count++) {
    const row = `.posthorn-sb-row:nth-child(${3 + (count % 6)})`;
    chosen.push(await click(page, `${row} .posthorn-sb-label`, `${row}[aria-selected=true]`));
    const toggle = `${row}[aria-expanded=false] .posthorn-sb-toggle`;
    opened.push(await click(page, toggle, `${row}[aria-expanded=true]`));
    await click(page, `${row} .posthorn-sb-toggle`, `${row}[aria-expanded=false]`);
    await wait(200 + 37 * count);
  }
  told('a row is chosen', chosen);
  told('a level is opened, with what is below it', opened);
  await page.locator('.posthorn-sb-search input').fill('199/2');
  const [begun, found] = [performance.now(), page.locator('.posthorn-sb-row', { hasText: '199/2' }).first()];
  await found.waitFor();
  told('a search of all topics', [performance.now() - begun]);
  await page.locator('.posthorn-sb-search input').fill('');
}

async function main(): Promise<void> {
  const mosquitto = optionalTool('mosquitto');
  const chromium = optionalTool('chromium');
  if (mosquitto === undefined || chromium === undefined) throw new Error('it needs mosquitto and Chromium');
  const broker = await RealBroker.start(mosquitto);
  const nodeRed = await NodeRedProcess.start();
  await nodeRed.deploy([
    { id: 'tab', type: 'tab', label: 'Flow' },
    { id: 'c', type: 'mqtt-connection', broker: '127.0.0.1', port: broker.port, protocolVersion: '5' },
    { id: 'in', type: 'mqtt-in', z: 'tab', x: 160, y: 80, topic: 'load/#', qos: '0', broker: 'c', wires: [[]] },
  ]);
  const browser = await startBrowser(chromium);
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  const editor = new EditorPage(page);
  const publisher = new Publisher(broker.url);
  try {
    await editor.open(nodeRed.url);
    const closed = await measure(nodeRed.pid, publisher);
    await page.evaluate("RED.sidebar.show('posthorn-mqtt')");
    await page.locator('.posthorn-sb-card').waitFor();
    const connections = await measure(nodeRed.pid, publisher);
    await page.locator('#posthorn-sb-tab-topics').click();
    await page.locator('.posthorn-sb-watch').click();
    await page.locator('.posthorn-sb-row .posthorn-sb-toggle').click();
    await page.locator('.posthorn-sb-row').nth(20).waitFor();
    const topics = await measure(nodeRed.pid, publisher);
    process.stdout.write(`${await page.locator('.posthorn-sb-status').innerText()}\n`);
    for (const [name, { cpu, rate }] of Object.entries({ closed, connections, topics })) {
      const more = `${(cpu - closed.cpu).toFixed(1)} points, ${((cpu / closed.cpu - 1) * 100).toFixed(0)} % more`;
      process.stdout.write(`${name}: ${cpu.toFixed(1)} % of a core at ${rate.toFixed(0)} messages/s (${more})\n`);
    }
    await clicks(page);
    process.stdout.write(`errors of the page: ${editor.errors.length}\n`);
  } finally {
    await publisher.end();
    await browser.close();
    await nodeRed.stop();
    await broker.stop();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
