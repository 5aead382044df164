import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { within } from '../support/events.ts';
import { freePort } from '../support/ports.ts';
import { CHECKOUT, MANIFEST } from './support/checkout.ts';
import { Observer } from './support/observer.ts';

const START_PATIENCE_MS = 60_000;
const EDITOR = /Open (http:\S+)/;
const BROKER = /Broker: (mqtt:\S+)/;

describe('the demo', function () {
  this.timeout(90_000);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'posthorn-demo-'));
  });

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [args, sentence] of [
    [['--port', 'abc'], '--port takes a number from 1 to 65535, not "abc"'],
    [['--port', '65536'], '--port takes a number from 1 to 65535, not "65536"'],
    [['--broker', 'localhost'], '--broker takes a URL such as mqtt://host:1883'],
    [['--broker', 'http://localhost'], '--broker takes a URL such as mqtt://host:1883'],
    [['--nothing'], "Unknown option '--nothing'"],
  ] as const) {
    it(`refuses ${args.join(' ')} with a sentence and exit code 2`, async () => {
      const child = start(args);
      const [said, [code]] = await Promise.all([text(child.stderr as Readable), once(child, 'exit')]);
      assert.ok(said.includes(sentence), said);
      assert.equal(code, 2);
    });
  }

  it('brings up the nodes and a flow that publishes, on the next port when one is taken, and ends at a signal', async () => {
    const taken = await freePort();
    const other = createServer().listen(taken, '127.0.0.1');
    await once(other, 'listening');
    const child = start(['--port', String(taken)]);
    const exited = once(child, 'exit');
    try {
      const said = await within(untilReady(child), 'the demo is ready', START_PATIENCE_MS);
      assert.ok(said.includes(`Port ${taken} is taken: Node-RED uses `), said);
      await assertHasOurNodes(addressIn(said, EDITOR));
      await assertPublishes(addressIn(said, BROKER));
    } finally {
      child.kill('SIGTERM');
      other.close();
    }
    assert.deepEqual(await within(exited, 'the demo ends'), [0, null]);
  });

  function start(args: readonly string[]): ChildProcess {
    const { npm_lifecycle_event: _, ...env } = process.env;
    return spawn(process.execPath, [join(CHECKOUT, 'scripts/start.mjs'), ...args], {
      env: { ...env, POSTHORN_DEMO_DIRECTORY: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
});

/** What the demo says until it gives the editor's address. */
async function untilReady(child: ChildProcess): Promise<string> {
  const errors = text(child.stderr as Readable);
  let said = '';
  for await (const chunk of (child.stdout as Readable).iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    if (EDITOR.test(said)) {
      child.stdout?.resume();
      return said;
    }
  }
  throw new Error(`the demo ended:\n${said}${await errors}`);
}

function addressIn(said: string, pattern: RegExp): string {
  const address = pattern.exec(said)?.[1];
  assert.ok(address, said);
  return address;
}

async function assertHasOurNodes(editor: string): Promise<void> {
  const response = await fetch(new URL('nodes', editor), { headers: { accept: 'application/json' } });
  const sets = (await response.json()) as { module: string; err?: unknown }[];
  const ours = sets.filter(({ module }) => module === MANIFEST.name);
  assert.equal(ours.length, Object.keys(MANIFEST['node-red'].nodes).length);
  assert.ok(ours.every(({ err }) => err === undefined));
}

async function assertPublishes(broker: string): Promise<void> {
  const observer = new Observer(broker);
  try {
    assert.equal(await observer.watch('posthorn/+/status').next(), 'online');
    assert.ok(Number(await observer.watch('posthorn/+/memory/used').next()) > 0);
  } finally {
    await observer.close();
  }
}
