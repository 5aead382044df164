import assert from 'node:assert/strict';
import { MANIFEST, NODE_SETS } from './support/checkout.ts';
import { type InstalledNodeRed, startInstalledNodeRed } from './support/installed-node-red.ts';
import type { FlowNode } from './support/node-red.ts';
import { Observer } from './support/observer.ts';

/** What the admin API tells of a node set. */
interface NodeSet {
  readonly id: string;
  readonly types: readonly string[];
  readonly enabled: boolean;
  readonly module: string;
  readonly version: string;
  readonly err?: unknown;
}

describe('the packed package in a clean Node-RED', function () {
  this.timeout(90_000);
  let installed: InstalledNodeRed;

  before(async () => {
    installed = await startInstalledNodeRed();
  });

  after(async () => {
    await installed.stop();
  });

  it('loads its node sets, each with its type, enabled and without an error', async () => {
    const all = await installed.nodeRed.getJson<NodeSet[]>('nodes');
    const ours = all.filter(({ module }) => module === MANIFEST.name);
    const seen = ours.map(({ id, types, enabled, version, err }) => ({ id, types, enabled, version, err }));
    const { version } = MANIFEST;
    const wanted = NODE_SETS.map((set) => {
      return { id: `${MANIFEST.name}/${set}`, types: [set], enabled: true, version, err: undefined };
    });
    assert.deepEqual(byId(seen), byId(wanted));
  });

  it('gives the editor the template, the help and the registration of every type', async () => {
    const html = await installed.nodeRed.getText('nodes', 'text/html');
    for (const set of NODE_SETS) {
      assert.ok(html.includes(`data-template-name="${set}"`), `the template of ${set}`);
      assert.ok(html.includes(`data-help-name="${set}"`), `the help of ${set}`);
      assert.match(html, new RegExp(`registerType\\(\\s*['"]${set}['"]`), `the registration of ${set}`);
    }
  });

  it('gives the editor the texts of every type', async () => {
    for (const set of NODE_SETS) {
      const texts = await installed.nodeRed.getJson<object>(`locales/${MANIFEST.name}/${set}?lng=en-US`);
      assert.ok(Object.keys(texts).length > 0, `the texts of ${set}`);
    }
  });

  it('serves the icons of the nodes', async () => {
    const icons = await installed.nodeRed.getJson<Record<string, string[]>>('icons');
    const ours = icons[MANIFEST.name] ?? [];
    assert.ok(ours.length > 0, 'Node-RED lists no icon of ours');
    for (const icon of ours) {
      assert.match(await installed.nodeRed.getText(`icons/${MANIFEST.name}/${icon}`), /<svg/);
    }
  });

  it('carries a message from a broker through mqtt-in and mqtt-out to a broker', async () => {
    const observer = new Observer(installed.broker.url);
    try {
      await observer.retain('package/in', 'a message');
      const out = observer.watch('package/out');
      await installed.nodeRed.deploy(relay(installed.broker.port));
      assert.equal(await out.next(), 'a message');
    } finally {
      await observer.close();
    }
  });
});

/** What arrives on `package/in` goes out on `package/out`. */
function relay(port: number): FlowNode[] {
  const broker = 'connection';
  return [
    { id: 'tab', type: 'tab', label: 'Relay' },
    { id: broker, type: 'mqtt-connection', broker: '127.0.0.1', port: String(port), protocolVersion: '4' },
    { id: 'in', z: 'tab', type: 'mqtt-in', topic: 'package/in', qos: '1', datatype: 'utf8', broker, wires: [['out']] },
    { id: 'out', z: 'tab', type: 'mqtt-out', topic: 'package/out', qos: '1', retain: '', broker, wires: [] },
  ];
}

function byId<T extends { readonly id: string }>(sets: readonly T[]): T[] {
  return [...sets].sort((a, b) => a.id.localeCompare(b.id));
}
