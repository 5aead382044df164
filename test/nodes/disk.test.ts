import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskStore } from '../../src/index.ts';
import { until } from '../support/events.ts';
import type { FakeBroker } from '../support/fake-broker.ts';
import { deploy, type FlowNode, node, startFlow, stopFlow, useUserDir } from '../support/flow.ts';
import { freePort } from '../support/ports.ts';
import { syncsOfWrites } from '../unit/store/changed-writes.ts';
import { record } from '../unit/store/contract.ts';
import { agreeing, connection5, helper, HELPERS, lines, mqttOut } from './flows.ts';

describe('a connection whose session is on disk', () => {
  let userDir: string;
  let broker: FakeBroker;

  beforeEach(async () => {
    userDir = await mkdtemp(join(tmpdir(), 'posthorn-nodes-'));
    broker = await agreeing();
    useUserDir(userDir);
    await startFlow([]);
  });
  afterEach(async () => {
    await stopFlow();
    useUserDir();
    await broker.close();
    await rm(userDir, { recursive: true, force: true });
  });

  const flow = (more: object = {}): FlowNode[] => [
    connection5(broker.port, { cleansession: false, sessionStore: 'disk', ...more }),
    mqttOut({ topic: 'a', qos: '1' }),
    ...HELPERS,
  ];

  it('sends what flows give it before the session is open, in order and with all that MQTT 5 has', async () => {
    const payload = Buffer.from('first');
    await deploy(flow(), 'full', () => {
      node('out').receive({ payload, contentType: 'text/plain' });
      payload.fill(0);
      node('out').receive({ payload: 'second' });
    });
    const peer = await broker.accept();
    const first = await peer.skipTo('publish');
    assert.deepEqual([String(first.payload), first.properties?.contentType], ['first', 'text/plain']);
    assert.equal(String((await peer.skipTo('publish')).payload), 'second');
  });

  it('keeps it there where nobody chose anything, and not where a person chose memory', async () => {
    const { port } = broker;
    const out = [mqttOut({ topic: 'a', qos: '1' }), ...HELPERS];
    await deploy([connection5(port), ...out], 'full');
    await (await broker.accept()).expect('connect');
    assert.ok(existsSync(join(userDir, 'posthorn/c/session')));
    await deploy([connection5(port, { sessionStore: 'memory' }), ...out], 'full');
    await until(() => !existsSync(join(userDir, 'posthorn/c')), 'the folder is gone');
  });

  describe('and that is not in the flows any more', () => {
    /** What an earlier process left, before this one starts. */
    async function left(id: string, ...sequences: readonly number[]): Promise<void> {
      const store = await DiskStore.open(join(userDir, 'posthorn', id), { report: () => undefined });
      for (const sequence of sequences) store.put(record(sequence));
      await store.close();
    }

    /** What is on a disk is looked at once for each process. */
    async function anew(): Promise<void> {
      await stopFlow();
      await rm(userDir, { recursive: true, force: true });
      userDir = await mkdtemp(join(tmpdir(), 'posthorn-nodes-'));
      useUserDir(userDir);
    }

    /** Lines of the log that name messages. */
    const told = (): string[] =>
      (helper.log().args as [{ msg: unknown }][])
        .map(([{ msg }]) => String(msg))
        .filter((line) => /^MQTT: \d+ messages? wait/.test(line));

    it('is told when Node-RED starts, where messages wait, and stays there', async () => {
      await anew();
      await left('old', 1, 2);
      await left('%2Fodd', 1);
      await left('empty');
      for (const name of ['%', 'none']) await mkdir(join(userDir, 'posthorn', name));
      await left('inmemory', 1);
      await left('c', 3);
      await rm(join(userDir, 'posthorn/old/received-ids-hold'));
      // Of another Node-RED of this directory.
      await left('others', 1);
      const others = await DiskStore.open(join(userDir, 'posthorn/others'), { report: () => undefined });
      const memory = { ...connection5(broker.port, { sessionStore: 'memory' }), id: 'inmemory' };
      await startFlow([...flow(), memory]);
      await until(() => told().length === 3, 'three lines');
      assert.deepEqual(
        told().map((line) => line.replace(userDir, '').split(', where')[0]),
        [
          'MQTT: 1 message waits in /posthorn/%2Fodd',
          'MQTT: 1 message waits in /posthorn/inmemory',
          'MQTT: 2 messages wait in /posthorn/old',
        ],
      );
      assert.deepEqual(readdirSync(join(userDir, 'posthorn/old')), ['session'], 'one that is looked at is changed');
      assert.ok(!existsSync(join(userDir, 'posthorn/none/session')), 'a session is made where there was none');
      for (const used of ['c', 'others'])
        assert.ok(existsSync(join(userDir, 'posthorn', used, 'received-ids-hold')), `${used} is disturbed`);
      await others.close();
    });

    it('is sent by a connection that comes while it is looked at', async () => {
      await anew();
      await left('c', 1);
      await startFlow([]);
      await deploy(flow(), 'full');
      const peer = await broker.accept();
      assert.equal((await peer.skipTo('publish')).topic, record(1).message.topic);
    });
  });

  for (const [sessionStore, isSync] of [
    ['disk', false],
    ['fsync', true],
  ] as const) {
    it(`writes it ${isSync ? '' : 'not '}through to the medium with "${sessionStore}"`, async () => {
      const { syncs, end } = syncsOfWrites();
      try {
        await deploy(flow({ sessionStore }), 'full');
        const peer = await broker.accept();
        node('out').receive({ payload: 'kept' });
        await peer.skipTo('publish');
        assert.deepEqual(new Set(syncs), new Set([isSync]));
      } finally {
        end();
      }
    });
  }

  it('keeps it under the user directory, until the connection is removed', async () => {
    await deploy(flow(), 'full');
    await (await broker.accept()).expect('connect');
    assert.ok(existsSync(join(userDir, 'posthorn/c/session')));
    await deploy([], 'full');
    await until(() => !existsSync(join(userDir, 'posthorn/c')), 'the folder is gone');
  });

  it('removes nothing but its own folder, whatever its id is', async () => {
    await writeFile(join(userDir, 'flows.json'), '[]');
    for (const id of ['.', '..', '../..', 'a/../..']) {
      const odd = { ...connection5(broker.port, { sessionStore: 'disk' }), id };
      await deploy([odd, mqttOut({ topic: 'a', broker: id })], 'full');
      await (await broker.accept()).expect('connect');
      await deploy([], 'full');
    }
    await until(() => readdirSync(join(userDir, 'posthorn')).length === 0, 'their folders are gone');
    assert.ok(existsSync(join(userDir, 'flows.json')));
  });

  it('takes what waits along when a person chooses memory, and back', async () => {
    const port = await freePort();
    await deploy(flow({ port }), 'full');
    node('out').receive({ payload: 'kept' });
    await deploy(flow({ port, sessionStore: 'memory' }), 'full');
    await until(() => !existsSync(join(userDir, 'posthorn/c')), 'the folder is gone');
    await deploy(flow({ port, sessionStore: 'fsync' }), 'full');
    await deploy(flow({ sessionStore: 'fsync' }), 'full');
    const peer = await broker.accept();
    assert.equal(String((await peer.skipTo('publish')).payload), 'kept');
  });

  it('sends what waits there as soon as an earlier process has let go of it, without a deploy', async () => {
    const folder = join(userDir, 'posthorn/c');
    const earlier = await DiskStore.open(folder, { report: () => undefined });
    earlier.put(record(1, { step: 'queued' }, 1));
    await deploy(flow(), 'full');
    const first = await broker.accept();
    node('out').receive({ payload: 'meanwhile' });
    assert.equal(String((await first.skipTo('publish')).payload), 'meanwhile');
    await earlier.close();
    // It is tried every ten seconds.
    const second = await broker.accept(15_000);
    assert.deepEqual((await second.skipTo('publish')).payload, record(1).message.payload);
    await until(() => lines('c', 'warn').some((line) => line.includes('is on disk now')), 'it is told');
  });

  it('goes on in memory where the folder cannot be used, and says so', async () => {
    await mkdir(join(userDir, 'posthorn'));
    await writeFile(join(userDir, 'posthorn/c'), 'a file');
    await deploy(flow(), 'full');
    node('out').receive({ payload: 'sent' });
    assert.equal(String((await (await broker.accept()).skipTo('publish')).payload), 'sent');
    assert.match(lines('c', 'warn').join(), /the session cannot be kept in .*posthorn\/c/);
  });
});
