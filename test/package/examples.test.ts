import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT, MANIFEST } from './support/checkout.ts';
import { type InstalledNodeRed, startInstalledNodeRed } from './support/installed-node-red.ts';
import type { FlowNode } from './support/node-red.ts';
import { Observer } from './support/observer.ts';

const FOLDER = join(CHECKOUT, 'examples');
const NOT_NODES = ['tab', 'group', 'subflow'];

describe('the examples', function () {
  this.timeout(90_000);
  let installed: InstalledNodeRed;
  let observer: Observer;

  before(async () => {
    installed = await startInstalledNodeRed();
    observer = new Observer(installed.broker.url);
  });

  after(async () => {
    await observer.close();
    await installed.stop();
  });

  for (const file of readdirSync(FOLDER)) {
    it(`${file} names only types that Node-RED or this package has`, async () => {
      const sets = await installed.nodeRed.getJson<{ types: string[] }[]>('nodes');
      const known = new Set([...NOT_NODES, ...sets.flatMap(({ types }) => types)]);
      const unknown = example(file).filter(({ type }) => !known.has(type));
      assert.deepEqual(unknown, []);
    });

    it(`${file} tells what to look at, and where`, () => {
      const types = example(file).map(({ type }) => type);
      assert.ok(types.includes('comment'));
    });
  }

  it('are in the import dialog, which finds them in the package', async () => {
    const listed = await installed.nodeRed.getJson<{ fn: string }[]>(`library/examples/flows/${MANIFEST.name}`);
    const files = listed.map(({ fn }) => `${fn}.json`);
    assert.deepEqual(files.sort(), readdirSync(FOLDER).sort());
  });

  it('publish-and-subscribe.json publishes hello at the press of its button', async () => {
    const received = observer.watch('posthorn/hello');
    const flow = atBroker(example('publish-and-subscribe.json'));
    await installed.nodeRed.deploy(flow);
    await installed.nodeRed.inject(idOf(flow, 'inject'));
    assert.equal(await received.next(), 'hello');
  });

  it('host-monitor.json publishes the figures of this host, and whether it is online', async () => {
    const status = observer.watch('posthorn/my-host/status');
    const load = observer.watch('posthorn/my-host/cpu/load');
    const memory = observer.watch('posthorn/my-host/memory/used');
    await installed.nodeRed.deploy(atBroker(example('host-monitor.json')));
    assert.equal(await status.next(), 'online');
    assertPercentage(await load.next());
    assertPercentage(await memory.next());
    await installed.nodeRed.deploy([]);
    assert.equal(await status.next(), 'offline');
  });

  function atBroker(flow: readonly FlowNode[]): FlowNode[] {
    const { port } = installed.broker;
    const isConnection = ({ type }: FlowNode): boolean => type === 'mqtt-connection';
    return flow.map((node) => (isConnection(node) ? { ...node, broker: '127.0.0.1', port: String(port) } : node));
  }
});

function example(file: string): FlowNode[] {
  return JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as FlowNode[];
}

function idOf(flow: readonly FlowNode[], type: string): string {
  const node = flow.find((candidate) => candidate.type === type);
  assert.ok(node, `a node of type ${type}`);
  return node.id;
}

function assertPercentage(text: string): void {
  const value = Number(text);
  assert.ok(text !== '' && value >= 0 && value <= 100, `${text} is no percentage`);
}
