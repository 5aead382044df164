import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm, stat, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { MqttError } from '../../../src/protocol/errors.ts';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import { DiskStore, type DiskStoreOptions } from '../../../src/store/disk-store.ts';
import { sizeOf } from '../../../src/store/message-size.ts';
import { SessionFolder } from '../../../src/store/session-folder.ts';
import type { SessionStore, StoredMessage, StoredSubscription } from '../../../src/store/session-store.ts';
import type { Clock } from '../../../src/util/clock.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { crc32 } from '../../../src/util/crc32.ts';
import { deferred } from '../../../src/util/deferred.ts';
import { until } from '../../support/events.ts';
import { changedWrites, syncsOfWrites } from './changed-writes.ts';
import { held, id, itKeepsASession, record, taken, wish } from './contract.ts';
import { zeroedDatabase } from './zeroed-database.ts';

describe('DiskStore', () => {
  const folders: string[] = [];
  const stores: DiskStore[] = [];
  let reports: MqttError[] = [];
  let copies = 0;

  beforeEach(() => (reports = []));
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
  });

  async function newFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-store-'));
    folders.push(folder);
    return join(folder, 'c');
  }

  async function open(folder: string, options: Partial<DiskStoreOptions> = {}): Promise<DiskStore> {
    const store = await DiskStore.open(folder, { report: (problem) => reports.push(problem), ...options });
    stores.push(store);
    return store;
  }

  /** What a process finds that begins after this one was killed. */
  async function killed(folder: string, options: Partial<DiskStoreOptions> = {}): Promise<DiskStore> {
    copies += 1;
    const copy = `${folder}-copy${copies}`;
    await cp(folder, copy, { recursive: true });
    await rm(join(copy, 'session/LOCK'), { force: true });
    return open(copy, options);
  }

  const committed = (store: SessionStore): Promise<void> => new Promise((resolve) => store.commit(() => resolve()));

  for (const fsync of [false, true]) {
    describe(fsync ? 'on the medium' : 'with the system', () => {
      itKeepsASession(async () => {
        const folder = await newFolder();
        const store = await open(folder, { fsync });
        return { store, reopen: () => killed(folder, { fsync }) };
      });
    });
  }

  for (const fsync of [false, true]) {
    it(`writes each batch ${fsync ? '' : 'not '}through to the medium: ${fsync ? 'it outlives a power cut' : 'a card lives longer'}`, async () => {
      const folder = await newFolder();
      const window = { messages: 1, bytes: 1_000_000 };
      const { syncs, end } = syncsOfWrites();
      try {
        const { clock, timers } = timing();
        const store = await open(folder, { fsync, clock });
        store.saveReceived(taken(5, 9));
        for (const sequence of [1, 2, 3]) store.put(record(sequence));
        await committed(store);
        assert.deepEqual(syncs, [fsync], 'a batch');
        const writes = changedWrites(() => Promise.reject(new Error('full')));
        store.remove(1);
        store.removeReceived(id(5));
        await committed(store);
        writes.end();
        const other = await killed(folder, { fsync, window });
        assert.deepEqual([held(other).received, other.backlog.length], [[], 2]);
        assert.deepEqual(syncs, [fsync, fsync, fsync], 'ids that are forgotten, and messages that are in no group');
        timers.shift()?.fire();
        await store.flush();
        assert.deepEqual(syncs, [fsync, fsync, fsync, fsync], 'all anew');
        store.fsync = !fsync;
        store.put(record(4));
        await committed(store);
        assert.equal(syncs.at(-1), !fsync, 'as it was chosen since');
      } finally {
        end();
      }
    });
  }

  it('is not durable before it is written', async () => {
    const store = await open(await newFolder());
    store.put(record(1));
    let durable = false;
    store.commit(() => (durable = true));
    assert.equal(durable, false);
    // Nothing came since; it waits all the same.
    let second = false;
    store.commit(() => (second = true));
    assert.equal(second, false);
    await until(() => durable && second, 'both');
  });

  it('waits until a received id is forgotten: the Server may give it to another message next', async () => {
    const folder = await newFolder();
    const store = await open(folder);
    store.saveReceived(taken(5, 9));
    await committed(store);
    store.removeReceived(id(5));
    let durable = false;
    store.commit(() => (durable = true));
    assert.equal(durable, false);
    await until(() => durable, 'it to be written');
    assert.deepEqual(held(await killed(folder)).received, []);
  });

  it('waits until a wish is over: found once more it would be subscribed; not for one that is not there', async () => {
    const folder = await newFolder();
    const store = await open(folder);
    store.saveWish(wish('n', 'a'));
    await committed(store);
    store.removeWish('n', wish('n', 'b').filter);
    assert.equal(store.isDurable, true);
    store.removeWish('n', wish('n', 'a').filter);
    let durable = false;
    store.commit(() => (durable = true));
    assert.equal(durable, false);
    await until(() => durable, 'it to be written');
    assert.deepEqual((await killed(folder)).wishesOf('n'), []);
  });

  it('is written also where nobody asks when', async () => {
    const folder = await newFolder();
    const store = await open(folder);
    store.put(record(1));
    await store.close();
    stores.pop();
    assert.deepEqual(held(await open(folder)).outgoing, [record(1)]);
  });

  it('holds no packet id of a QoS 1 message: the next process sends it anew', async () => {
    const folder = await newFolder();
    const store = await open(folder);
    store.put(record(1, { step: 'queued' }, 1));
    await committed(store);
    store.advance(record(1, { step: 'published', packetId: id(7) }, 1));
    let durable = false;
    store.commit(() => (durable = true));
    assert.equal(durable, true);
    assert.deepEqual(held(await killed(folder)).outgoing, [record(1, { step: 'queued' }, 1)]);
  });

  it('holds what is left of the time of a message, whatever the clock of the process says', async () => {
    const at = (now: number, wall: number): Clock => ({ ...systemClock, now: () => now, wall: () => wall });
    const folder = await newFolder();
    const store = await open(folder, { clock: at(5000, 1_000_000) });
    store.put({ ...record(1), acceptedAt: 4000, expiresAt: 5000 + 60_000 });
    await committed(store);
    const next = await killed(folder, { clock: at(100, 1_040_000) });
    assert.deepEqual(
      next.load().outgoing.map(({ acceptedAt, expiresAt }) => ({ acceptedAt, expiresAt })),
      [{ acceptedAt: 100 - 41_000, expiresAt: 100 + 20_000 }],
    );
  });

  it('can be read by its owner alone', async () => {
    const folder = await newFolder();
    await open(folder);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
  });

  describe('that another process has', () => {
    /** Holds the session of a folder as a process does that looks at it, or has it; returns what ends that. */
    async function locked(folder: string): Promise<() => Promise<void>> {
      const database = new ClassicLevel(join(folder, 'session'));
      await database.open();
      return () => database.close();
    }

    /** A clock by which no time passes between two tries, and how often. */
    function hasty(): { readonly clock: Clock; readonly waits: number[] } {
      const waits: number[] = [];
      const timer: Clock['timer'] = (delay, fire) => {
        if (delay !== 100) return systemClock.timer(delay, fire);
        waits.push(delay);
        return systemClock.timer(0, fire);
      };
      return { clock: { ...systemClock, timer }, waits };
    }

    it('is opened as soon as that was only a look: nothing goes on without it', async () => {
      const folder = await holding(record(1));
      const letGo = await locked(folder);
      const { clock, timers } = timing();
      const opening = open(folder, { clock });
      for (const tries of [1, 2]) {
        await until(() => timers.length > 0, `${tries} tries`);
        assert.deepEqual([timers.length, timers[0]?.delay], [1, 100]);
        if (tries === 2) await letGo();
        timers.splice(0)[0]?.fire();
      }
      assert.deepEqual(held(await opening).outgoing, [record(1)]);
      assert.deepEqual([timers, reports], [[], []]);
    });

    it('is in use by one at a time: another one is told so when it has tried for two seconds', async () => {
      const folder = await newFolder();
      await open(folder);
      const { clock, waits } = hasty();
      await assert.rejects(open(folder, { clock }), {
        code: 'store-failed',
        message: /cannot be kept in .*: another process uses it$/,
      });
      assert.equal(waits.length, 20);
    });

    it('is not marked by one that does not get it', async () => {
      const folder = await newFolder();
      await mkdir(folder);
      const letGo = await locked(folder);
      await assert.rejects(open(folder, { clock: hasty().clock }));
      assert.deepEqual(await readdir(folder), ['session']);
      await letGo();
    });

    it('is not touched by one that would have it too: that the received ids hold is the owner’s to say', async () => {
      const folder = await newFolder();
      const store = await open(folder);
      store.saveReceived(taken(5, 9));
      await committed(store);
      const before = await readdir(folder);
      await assert.rejects(open(folder, { clock: hasty().clock }));
      assert.deepEqual(await readdir(folder), before);
      assert.deepEqual(held(await killed(folder)).received, [taken(5, 9)]);
    });
  });

  it('that cannot be opened for another reason is not tried again at once', async () => {
    const folder = await newFolder();
    await writeFile(folder, '');
    const { clock, timers } = timing();
    await assert.rejects(open(folder, { clock }));
    assert.deepEqual(timers, []);
  });

  describe('is looked for without opening it, and', () => {
    const found: Readonly<Record<string, readonly [(folder: string) => Promise<unknown>, mayBe: boolean]>> = {
      'is not where there is no folder': [() => Promise.resolve(), false],
      'is not in a folder without one': [(folder) => mkdir(folder), false],
      'is where one was left': [async (folder) => (await open(folder)).close(), true],
      'may be where the system cannot look': [(folder) => symlink(folder, folder), true],
      'may be where something else has its name': [(folder) => writeFile(folder, ''), true],
    };
    for (const [what, [make, mayBe]] of Object.entries(found)) {
      it(what, async () => {
        const folder = await newFolder();
        await make(folder);
        assert.equal(await DiskStore.mayBeIn(folder), mayBe);
      });
    }

    it('may be where the disk has not answered for a second: nobody waits longer', async () => {
      const { clock, timers } = timing();
      const answer = DiskStore.mayBeIn(await newFolder(), clock);
      assert.deepEqual(
        timers.map(({ delay }) => delay),
        [1000],
      );
      timers[0]?.fire();
      assert.equal(await answer, true);
    });

    it('leaves no timer behind where the disk answers', async () => {
      const { clock, timers } = timing();
      await DiskStore.mayBeIn(await newFolder(), clock);
      assert.deepEqual(timers, []);
    });
  });

  it('cannot be in a file', async () => {
    const folder = await newFolder();
    await writeFile(folder, '');
    await assert.rejects(open(folder), { code: 'store-failed', message: /cannot be kept in .*(EEXIST|ENOTDIR)/ });
  });

  /** Changes the database of a folder that no store uses. */
  async function change(
    folder: string,
    work: (database: ClassicLevel<string, Buffer>) => Promise<void>,
  ): Promise<void> {
    const database = new ClassicLevel<string, Buffer>(join(folder, 'session'), { valueEncoding: 'buffer' });
    await database.open();
    await work(database);
    await database.close();
  }

  async function holding(...messages: readonly StoredMessage[]): Promise<string> {
    const folder = await newFolder();
    const store = await open(folder);
    for (const message of messages) store.put(message);
    await store.close();
    stores.pop();
    return folder;
  }

  /** Version, flags, and time. */
  const HEAD = [3, 1, 0, 0, 0, 0, 0, 0];

  /** With what says that it is as it was written. */
  function sealed(bytes: readonly number[] | Buffer): Buffer {
    const check = Buffer.alloc(4);
    check.writeInt32BE(crc32(Buffer.from(bytes)));
    return Buffer.concat([Buffer.from(bytes), check]);
  }

  /** The record of a message to `a` with these extras. */
  function withExtras(extras: string): Buffer {
    return sealed([...HEAD, 0, 1, 97, 0, 0, 0, extras.length, ...Buffer.from(extras)]);
  }

  /** What is wrong in the record of a wish. */
  const FORGED_WISHES: readonly object[] = [
    { version: 2 },
    { ref: 7 },
    { filter: ['a'] },
    { options: null },
    { options: { ...wish('n', 'a').options, qos: 3 } },
    { options: { ...wish('n', 'a').options, noLocal: 'true' } },
    { note: {} },
    { note: 'x'.repeat(1001) },
  ];
  const FORGED: readonly (readonly [key: string, value: Buffer | string])[] = [
    ['message/0000000000000002', ''],
    ['message/0000000000000002', Buffer.from([3])],
    ['message/0000000000000002', Buffer.from([...HEAD, 0, 1, 97, 0, 0, 0, 0, 1, 2, 3, 4])],
    ['message/0000000000000002', sealed([2, ...HEAD.slice(1), 0, 1, 97, 0, 0, 0, 0])],
    ['message/0000000000000002', sealed([3, 3, ...HEAD.slice(2), 0, 1, 97, 0, 0, 0, 0])],
    ['message/0000000000000002', sealed([...HEAD, 255, 255, 97])],
    ['message/0000000000000002', sealed([...HEAD, 0, 1, 97, 255, 255, 255, 255])],
    ['message/0000000000000002', sealed([...HEAD, 0, 1, 97, 0, 0, 0, 1, 123])],
    ['message/x', sealed([...HEAD, 0, 1, 97, 0, 0, 0, 0])],
    ...['{"properties":1}', '{"properties":{},"correlationData":5}', '{"properties":{"userProperties":7}}'].map(
      (extras) => ['message/0000000000000002', withExtras(extras)] as const,
    ),
    ['state/0000000000000001', '{"step":"released"}'],
    ['state/0000000000000001', '{"step":"published","packetId":65536}'],
    ['state/0000000000000001', 'null'],
    ['received/0', ''],
    ['received/5', 'abc'],
    ['received/65536', ''],
    ['filter/a', '{}'],
    ...FORGED_WISHES.map(
      (forged) => ['wish/1/n/a', JSON.stringify({ version: 1, ...wish('n', 'a'), ...forged })] as const,
    ),
    ['wish/1/n/a', '7'],
    ['wish/0//a', JSON.stringify({ version: 1, ...wish('', 'a') })],
    ['wish/1/n/a#', JSON.stringify({ version: 1, ...wish('n', 'a#') })],
    ['wish/2/n/a', JSON.stringify({ version: 1, ...wish('n', 'a') })],
    ['wish/', JSON.stringify({ version: 1, ...wish('n', 'a') })],
    ['identity', '{"server":1}'],
    ['identity', '{'],
  ];
  for (const [key, value] of FORGED) {
    it(`a record that cannot be read is set aside, and told: ${key} ${JSON.stringify(value.toString('latin1' as never))}`, async () => {
      const folder = await holding(record(1));
      await change(folder, (database) => database.put(key, Buffer.from(value)));
      const store = await open(folder);
      assert.deepEqual(held(store).outgoing, [record(1)]);
      assert.match(
        reports.map(({ message }) => message).join('; '),
        /^1 record of the session in .* cannot be read, and stay/,
      );
      await store.close();
      stores.pop();
      let kept: Buffer | undefined;
      await change(folder, async (database) => void (kept = await database.get(`unreadable/${key}`)));
      assert.deepEqual(kept, Buffer.from(value));
      reports = [];
      await open(folder);
      assert.deepEqual(reports, [], 'told once');
    });
  }

  it('thousands of forged wishes are told in one sentence, and the others are there', async () => {
    const folder = await newFolder();
    const before = await open(folder);
    before.saveWish(wish('n', 'mine'));
    await before.close();
    stores.pop();
    await change(folder, async (database) => {
      const batch = database.batch();
      const filter = 'a#';
      for (let number = 0; number < 5000; number++) {
        batch.put(`wish/1/n/${filter}${number}`, Buffer.from(JSON.stringify({ version: 1, ...wish('n', filter) })));
      }
      await batch.write();
    });
    const store = await open(folder);
    assert.deepEqual(store.load().wishes, [wish('n', 'mine')]);
    assert.match(reports.map(({ message }) => message).join('; '), /^5000 records of the session in [^;]*$/);
  });

  it('a database of a later version is set aside, and a new one begins', async () => {
    const folder = await holding(record(1));
    await change(folder, (database) => database.put('version', Buffer.from('3')));
    const store = await open(folder);
    assert.deepEqual(held(store).outgoing, []);
    assert.match(
      reports[0]?.message ?? '',
      /^the session in .* cannot be read: it stays in .*unreadable-\d+, a new one begins$/,
    );
    assert.equal((await readdir(folder)).filter((name) => name.startsWith('session')).length, 2);
  });

  it('a database that is damaged is set aside, and a new one begins', async () => {
    const folder = await holding(record(1));
    const path = join(folder, 'session');
    for (const file of await readdir(path))
      if (file.startsWith('MANIFEST')) await writeFile(join(path, file), 'garbage, no manifest');
    const store = await open(folder);
    assert.deepEqual(held(store).outgoing, []);
    assert.equal(reports.length, 1);
    store.put(record(5));
    await committed(store);
  });

  const DAMAGED: Readonly<Record<string, (path: string, file: string) => Promise<void>>> = {
    'its CURRENT is missing': (path, file) => (file === 'CURRENT' ? rm(join(path, file)) : Promise.resolve()),
    'its MANIFEST is missing': (path, file) => (file.startsWith('MANIFEST') ? rm(join(path, file)) : Promise.resolve()),
    'a table is missing': (path, file) => (file.endsWith('.ldb') ? rm(join(path, file)) : Promise.resolve()),
    'a table is cut off': (path, file) => (file.endsWith('.ldb') ? truncate(join(path, file), 60) : Promise.resolve()),
    'a table is empty': (path, file) => (file.endsWith('.ldb') ? truncate(join(path, file)) : Promise.resolve()),
    'a table is overwritten': (path, file) =>
      file.endsWith('.ldb') ? writeFile(join(path, file), Buffer.alloc(500, 7)) : Promise.resolve(),
  };
  for (const [what, damage] of Object.entries(DAMAGED)) {
    it(`a database is set aside with all its files where ${what}`, async () => {
      const folder = await holding(record(1));
      await change(folder, (database) => database.compactRange('', '~'));
      const path = join(folder, 'session');
      for (const file of await readdir(path)) await damage(path, file);
      const files = (await readdir(path)).length;
      const store = await open(folder);
      assert.deepEqual(held(store).outgoing, []);
      const aside =
        (await readdir(folder)).find((name) => name.includes('unreadable')) ?? assert.fail('nothing is aside');
      assert.ok((await readdir(join(folder, aside))).length >= files - 1);
      assert.equal(reports.length, 1);
      store.put(record(5));
      await committed(store);
      await store.close();
      stores.pop();
      assert.deepEqual(held(await open(folder)).outgoing, [record(5)]);
    });
  }

  it('a database that ends the process which reads it is set aside, where the last one did not leave it in order', async () => {
    const folder = await newFolder();
    await zeroedDatabase(folder);
    await writeFile(join(folder, 'in-use'), '');
    const store = await open(folder);
    assert.deepEqual(held(store).outgoing, []);
    assert.match(reports.map(({ message }) => message).join(), /cannot be read: it stays in/);
    store.put(record(5));
    await committed(store);
    assert.deepEqual(held(await killed(folder)).outgoing, [record(5)]);
  });

  /** What a process does that reads a database, as a script of a shell; whether the database is set aside by it. */
  async function read(script: string): Promise<boolean> {
    const folder = await holding(record(1));
    await writeFile(join(folder, 'in-use'), '');
    const program = join(folder, 'reader');
    await writeFile(program, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
    const { execPath } = process;
    process.execPath = program;
    try {
      return held(await open(folder)).outgoing.length === 0;
    } finally {
      process.execPath = execPath;
    }
  }

  const READERS: Readonly<Record<string, readonly [script: string, isSetAside: boolean]>> = {
    'is told to end, as all of its group are': ['printf begun; kill -TERM $$', false],
    'is interrupted': ['printf begun; kill -INT $$', false],
    'is killed for memory': ['printf begun; kill -KILL $$', false],
    'cannot start its threads': ['echo "Assertion failed: thread" >&2; kill -ABRT $$', false],
    'aborts without a word of an assertion': ['printf begun; echo "pthread_create: no room" >&2; kill -ABRT $$', false],
    'fails in an ordinary way': ['printf begun; exit 1', false],
    'aborts once, and not again': [
      'printf begun; test -e "$0.once" && exit 0; touch "$0.once"; echo "Assertion failed" >&2; kill -ABRT $$',
      false,
    ],
    'aborts at an assertion of LevelDB, twice': ['printf begun; echo "Assertion `x` failed." >&2; kill -ABRT $$', true],
    'crashes, twice': ['printf begun; kill -SEGV $$', true],
  };
  for (const [what, [script, isSetAside]] of Object.entries(READERS)) {
    it(`a database is ${isSetAside ? '' : 'not '}set aside where the process that reads it first ${what}`, async function () {
      if (process.platform === 'win32') this.skip();
      assert.equal(await read(script), isSetAside);
    });
  }

  it('a database is opened without being read first where there can be no other process', async () => {
    const folder = await holding(record(1));
    await writeFile(join(folder, 'in-use'), '');
    const { execPath } = process;
    process.execPath = join(folder, 'nothing');
    try {
      assert.deepEqual(held(await open(folder)).outgoing, [record(1)]);
    } finally {
      process.execPath = execPath;
    }
  });

  it('a database is left in order at the end of the process where all is written, and not else', async () => {
    const folder = await newFolder();
    const store = await open(folder);
    store.put(record(1));
    store.leaveAtExit();
    assert.ok(existsSync(join(folder, 'in-use')));
    await committed(store);
    store.leaveAtExit();
    assert.ok(!existsSync(join(folder, 'in-use')));
  });

  it('a database is marked while it is used, and not when it was left in order', async () => {
    const folder = await newFolder();
    const store = await open(folder);
    assert.ok(existsSync(join(folder, 'in-use')));
    await store.close();
    stores.pop();
    assert.ok(!existsSync(join(folder, 'in-use')));
  });

  it('a database is marked by the next process, which has it in the moment in which the last one lets go of it', async () => {
    const folder = await newFolder();
    const options = { clock: systemClock, report: (problem: MqttError) => void reports.push(problem) };
    const last = await SessionFolder.open(folder, options, (medium) => {
      const { database } = medium;
      const close = database.close.bind(database);
      database.close = async () => {
        await close();
        await open(folder);
      };
      return DiskStore.on(medium, options);
    });
    await last.close();
    assert.ok(existsSync(join(folder, 'in-use')));
  });

  it('a database is marked before it is read', async () => {
    const folder = await newFolder();
    const options = { clock: systemClock, report: (problem: MqttError) => void reports.push(problem) };
    await SessionFolder.open(folder, options, async ({ database }) => {
      assert.ok(existsSync(join(folder, 'in-use')));
      await database.close();
    });
  });

  /** A bit of a record, so many bytes from its end. */
  const flip = (folder: string, key: string, fromEnd: number): Promise<void> =>
    change(folder, async (database) => {
      const bytes = (await database.get(key)) ?? assert.fail('it is not there');
      const at = (bytes.length + fromEnd) % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await database.put(key, bytes);
    });

  async function keysOf(folder: string): Promise<readonly string[]> {
    let keys: readonly string[] = [];
    await change(folder, async (database) => void (keys = await database.keys().all()));
    return keys.filter((key) => key !== 'version');
  }

  it('a bit that the disk changed is no other message: its record is set aside', async () => {
    const folder = await holding(record(1));
    await flip(folder, 'message/0000000000000001', -6);
    assert.deepEqual(held(await open(folder)).outgoing, []);
    assert.match(reports.map(({ message }) => message).join(), /^1 record of the session in .* cannot be read/);
  });

  describe('with messages that were written at once, in one record', () => {
    const GROUP = 'group/0000000000000001';

    it('has one record of them, until the last of them is gone', async () => {
      const folder = await holding(record(1), record(2), record(3));
      assert.deepEqual(await keysOf(folder), [GROUP]);
      const store = await open(folder);
      for (const sequence of [2, 1]) store.remove(sequence);
      await store.close();
      stores.pop();
      assert.deepEqual(await keysOf(folder), ['gone/0000000000000001', GROUP]);
      const next = await open(folder);
      assert.deepEqual(held(next).outgoing, [record(3)]);
      next.remove(3);
      await next.close();
      stores.pop();
      assert.deepEqual(await keysOf(folder), []);
    });

    it('writes nothing of those that were gone before', async () => {
      const folder = await newFolder();
      const store = await open(folder);
      for (const sequence of [1, 2, 3]) store.put(record(sequence));
      store.remove(2);
      await committed(store);
      assert.deepEqual(
        held(await killed(folder)).outgoing.map(({ sequence }) => sequence),
        [1, 3],
      );
      for (const sequence of [1, 3]) store.remove(sequence);
      await store.close();
      stores.pop();
      assert.deepEqual(await keysOf(folder), []);
    });

    it('loses one where the disk changed a bit of that, which is set aside', async () => {
      const folder = await holding(record(1), record(2), record(3));
      await flip(folder, GROUP, -6);
      const store = await open(folder);
      assert.deepEqual(held(store).outgoing, [record(1), record(2)]);
      assert.match(reports.map(({ message }) => message).join(), /^1 record of the session in .* cannot be read/);
      for (const sequence of [1, 2]) store.remove(sequence);
      await store.close();
      stores.pop();
      assert.deepEqual(await keysOf(folder), ['unreadable/message/0000000000000003']);
    });

    for (const at of [0, 3, 7]) {
      it(`sets it aside where the disk changed what says which they are: byte ${at}`, async () => {
        const folder = await holding(record(1), record(2), record(3));
        await flip(folder, GROUP, at);
        const store = await open(folder);
        assert.deepEqual(held(store).outgoing, []);
        assert.match(reports.map(({ message }) => message).join(), /^1 record of the session in .* cannot be read/);
        await store.close();
        stores.pop();
        assert.deepEqual(await keysOf(folder), [`unreadable/${GROUP}`]);
      });
    }

    it('leaves nothing behind that would be taken for what is said of later messages, where the record cannot be read', async () => {
      const released = { step: 'released', packetId: id(7), order: 1 } as const;
      const folder = await holding(...[1, 2, 3, 4].map((sequence) => record(sequence, released)));
      const store = await open(folder);
      store.remove(2);
      await store.close();
      stores.pop();
      await flip(folder, GROUP, 3);
      const next = await open(folder);
      for (const sequence of [1, 2, 3, 4]) next.put(record(sequence));
      await next.close();
      stores.pop();
      assert.deepEqual(
        held(await open(folder)).outgoing,
        [1, 2, 3, 4].map((sequence) => record(sequence)),
      );
    });

    it('sets aside what cannot be read, and what says that, as one: a message on disk alone is there once', async () => {
      const folder = await holding(...[1, 2, 3, 4].map((sequence) => record(sequence)));
      const store = await open(folder);
      store.remove(1);
      await store.close();
      stores.pop();
      await flip(folder, 'gone/0000000000000001', 0);
      const window = { messages: 2, bytes: 1_000_000 };
      for (let times = 0; times < 2; times++) {
        const next = await open(folder, { window });
        assert.equal(next.backlog.length, 2);
        assert.equal(await next.bringBack(), true);
        assert.deepEqual(
          held(next).outgoing.map(({ sequence }) => sequence),
          [1, 2, 3, 4],
        );
        await next.close();
        stores.pop();
      }
    });

    it('has a message by its own record where there is one', async () => {
      const folder = await holding(record(1), record(2));
      const own = await holding(record(2));
      let bytes: Buffer | undefined;
      await change(own, async (database) => void (bytes = await database.get('message/0000000000000002')));
      await change(folder, (database) => database.put('message/0000000000000002', bytes ?? assert.fail()));
      const store = await open(folder);
      assert.deepEqual(held(store).outgoing, [record(1), record(2)]);
      for (const sequence of [1, 2]) store.remove(sequence);
      await store.close();
      stores.pop();
      assert.deepEqual(await keysOf(folder), []);
    });

    it('may be removed behind the end of the store: nothing is written', async () => {
      const folder = await holding(record(1), record(2));
      const store = await open(folder);
      await store.close();
      stores.pop();
      store.remove(1);
      assert.deepEqual(held(await open(folder)).outgoing, [record(1), record(2)]);
    });

    it('has a message once more rather than less where what says that it is gone cannot be read', async () => {
      const folder = await holding(record(1), record(2), record(3));
      const store = await open(folder);
      store.remove(2);
      await store.close();
      stores.pop();
      await flip(folder, 'gone/0000000000000001', 0);
      assert.deepEqual(held(await open(folder)).outgoing, [record(1), record(2), record(3)]);
    });

    it('gives those that wait on disk alone a record each, in their order among others', async () => {
      const folder = await holding(record(1), record(2), record(5), record(6));
      const store = await open(folder);
      store.put(record(4));
      await committed(store);
      await store.close();
      stores.pop();
      const next = await open(folder, { window: { messages: 2, bytes: 1_000_000 } });
      assert.deepEqual(held(next).outgoing, [record(1), record(2)]);
      assert.equal(next.backlog.length, 3);
      assert.equal(await next.bringBack(), true);
      assert.deepEqual(
        held(next).outgoing.map(({ sequence }) => sequence),
        [1, 2, 4, 5, 6],
      );
      for (const sequence of [1, 2]) next.remove(sequence);
      await next.close();
      stores.pop();
      assert.deepEqual(
        await keysOf(folder),
        [4, 5, 6].map((sequence) => `message/${String(sequence).padStart(16, '0')}`),
      );
    });

    it('has those of several records in one order', async () => {
      const folder = await newFolder();
      const store = await open(folder);
      for (const sequences of [
        [1, 2, 10, 11],
        [3, 4],
      ]) {
        for (const sequence of sequences) store.put(record(sequence));
        await committed(store);
      }
      const next = await killed(folder, { window: { messages: 2, bytes: 1_000_000 } });
      assert.equal(await next.bringBack(), true);
      assert.deepEqual(
        held(next).outgoing.map(({ sequence }) => sequence),
        [1, 2, 3, 4, 10, 11],
      );
    });

    it('has the later of two that are put under one number', async () => {
      const folder = await holding(record(1), record(2));
      const store = await open(folder);
      const later = { ...record(1), message: record(2).message };
      for (const message of [later, record(3)]) store.put(message);
      await store.close();
      stores.pop();
      const next = await open(folder);
      assert.deepEqual(held(next).outgoing, [later, record(2), record(3)]);
      for (const sequence of [1, 2, 3]) next.remove(sequence);
      await next.close();
      stores.pop();
      assert.deepEqual(await keysOf(folder), []);
    });

    it('has some thirty in each, and no more bytes than a disk may spoil at once', async () => {
      const large = (sequence: number): StoredMessage => {
        const one = record(sequence);
        return { ...one, message: { ...one.message, payload: Buffer.alloc(20_000, sequence) } };
      };
      const all = [...Array.from({ length: 40 }, (_, index) => record(index + 1)), large(41), large(42), record(43)];
      const folder = await holding(...all);
      assert.deepEqual(
        (await keysOf(folder)).map((key) => key.replace(/0+/, '')),
        ['group/1', 'group/33', 'group/42'],
      );
      assert.deepEqual(held(await open(folder)).outgoing, all);
    });

    it('has those apart whose numbers are', async () => {
      const far = 2 ** 40;
      const folder = await holding(record(far), record(1), record(far + 1));
      assert.deepEqual(
        held(await open(folder)).outgoing.map(({ sequence }) => sequence),
        [1, far, far + 1],
      );
    });
  });

  /** Tables that a database cannot write, because the disk is full, until they are gone. */
  async function fill(path: string): Promise<readonly string[]> {
    const numbers = Array.from({ length: 30 }, (_, index) => String(index + 1).padStart(6, '0'));
    const tables = numbers.map((number) => join(path, `${number}.ldb`)).filter((table) => !existsSync(table));
    for (const table of tables) await symlink('/dev/full', table);
    return tables;
  }

  it('a disk that is full when the process starts sets nothing aside: what waits is there when it has space', async function () {
    if (!existsSync('/dev/full')) this.skip();
    const folder = await holding(record(1));
    const tables = await fill(join(folder, 'session'));
    await assert.rejects(open(folder), {
      code: 'store-failed',
      message: /cannot be kept in .*No space left on device$/,
    });
    for (const table of tables) await unlink(table).catch(() => undefined);
    assert.deepEqual(held(await open(folder)).outgoing, [record(1)]);
    assert.deepEqual(reports, []);
  });

  for (const file of ['LOCK', 'CURRENT']) {
    it(`a ${file} that cannot be opened sets nothing aside`, async () => {
      const folder = await holding(record(1));
      const path = join(folder, 'session', file);
      await cp(path, join(folder, 'kept'));
      await rm(path);
      await mkdir(path);
      await assert.rejects(open(folder), { code: 'store-failed', message: /cannot be kept in .*Is a directory$/ });
      await rm(path, { recursive: true });
      await cp(join(folder, 'kept'), path);
      assert.deepEqual(held(await open(folder)).outgoing, [record(1)]);
      assert.deepEqual(reports, []);
    });
  }

  /** A clock whose timers are fired by hand. */
  function timing(): { clock: Clock; timers: { readonly delay: number; readonly fire: () => void }[] } {
    const timers: { readonly delay: number; readonly fire: () => void }[] = [];
    const timer: Clock['timer'] = (delay, fire) => {
      const armed = { delay, fire };
      timers.push(armed);
      return { cancel: () => void (timers.includes(armed) && timers.splice(timers.indexOf(armed), 1)) };
    };
    return { clock: { ...systemClock, timer }, timers };
  }

  const large = (sequence: number, megabytes: number): StoredMessage => {
    const one = record(sequence);
    return { ...one, message: { ...one.message, payload: Buffer.alloc(megabytes * 1024 * 1024) } };
  };

  it('has a second more for each megabyte: a slow disk is not one that hangs', async () => {
    const { clock, timers } = timing();
    const store = await open(await newFolder(), { clock });
    store.put(large(1, 3));
    const durable = committed(store);
    assert.deepEqual(
      timers.map(({ delay }) => delay),
      [8000],
    );
    await durable;
    assert.equal(timers.length, 0);
  });

  /** A store whose disk failed behind the first record, and works again; its next timer tries again. */
  async function failed(
    folder: string,
    more: Partial<DiskStoreOptions> = {},
  ): Promise<ReturnType<typeof timing> & { store: DiskStore }> {
    const { clock, timers } = timing();
    const store = await open(folder, { clock, ...more });
    const fails = changedWrites(() => Promise.reject(new Error('full')));
    store.put(large(1, 3));
    await committed(store);
    fails.end();
    assert.equal(timers[0]?.delay, 10_000);
    return { clock, timers, store };
  }

  it('gets back also where all that waits takes a slow disk more than five seconds', async () => {
    const folder = await newFolder();
    const { store, timers } = await failed(folder);
    const { promise: slow, resolve: written } = deferred<void>();
    const writes = changedWrites((write) => slow.then(write));
    timers.shift()?.fire();
    await until(() => writes.count > 0, 'everything is written');
    writes.end();
    assert.deepEqual(
      timers.map(({ delay }) => delay),
      [8000],
    );
    written();
    await store.flush();
    assert.match(reports[1]?.message ?? '', /is on disk again/);
  });

  it('that hangs while it is written anew says nothing again, and is tried when what hung is over', async () => {
    const folder = await newFolder();
    const { store, timers } = await failed(folder);
    const { promise: hangs, resolve: ends } = deferred<void>();
    const writes = changedWrites((write) => hangs.then(write));
    timers.shift()?.fire();
    await until(() => writes.count > 0, 'everything is written');
    writes.end();
    store.put(record(2));
    let durable = false;
    store.commit(() => (durable = true));
    timers.shift()?.fire();
    await until(() => durable, 'nobody waits');
    assert.equal(reports.length, 1);
    assert.equal(timers[0]?.delay, 10_000);
    timers.shift()?.fire();
    assert.equal(timers[0]?.delay, 10_000, 'it hangs still');
    ends();
    await new Promise((resolve) => setImmediate(resolve));
    await until(() => {
      if (timers[0]?.delay === 10_000) timers.shift()?.fire();
      return reports.length === 2;
    }, 'it is back');
    await store.flush();
    assert.equal(store.unwritten, 0);
    assert.deepEqual(
      held(await killed(folder)).outgoing.map(({ sequence }) => sequence),
      [1, 2],
    );
  });

  it('that hangs while it is opened anew lets go of the folder at its end all the same', async () => {
    const folder = await newFolder();
    const { store, timers } = await failed(folder);
    const original = Object.getOwnPropertyDescriptor(ClassicLevel.prototype, '_close');
    assert.ok(original !== undefined);
    let closes = false;
    const { promise: hangs, resolve: ends } = deferred<void>();
    Object.defineProperty(ClassicLevel.prototype, '_close', {
      ...original,
      value(this: unknown) {
        closes = true;
        return hangs.then(() => (original.value as () => Promise<void>).call(this));
      },
    });
    timers.shift()?.fire();
    await until(() => closes, 'it is opened anew');
    Object.defineProperty(ClassicLevel.prototype, '_close', original);
    timers.shift()?.fire();
    await store.flush();
    const closed = store.close();
    stores.pop();
    ends();
    await closed;
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok((await open(folder)) instanceof DiskStore);
  });

  it('counts what came while everything was written anew as not written yet', async () => {
    const folder = await newFolder();
    let left: number | undefined;
    let current: DiskStore | undefined;
    const { store, timers } = await failed(folder, { report: () => (left = current?.unwritten) });
    current = store;
    const { promise: slow, resolve: written } = deferred<void>();
    const writes = changedWrites((write) => slow.then(write));
    timers.shift()?.fire();
    await until(() => writes.count > 0, 'everything is written');
    writes.end();
    store.put(record(2));
    written();
    await store.flush();
    assert.equal(left, 1);
    assert.equal(store.unwritten, 0);
  });

  it('lets all go on that waits when a write fails, also what came while it was under way', async () => {
    const store = await open(await newFolder(), { clock: timing().clock });
    const { promise: fails, reject } = deferred<void>();
    const writes = changedWrites(() => fails);
    store.put(record(1));
    const first = committed(store);
    writes.end();
    store.put(record(2));
    const second = committed(store);
    reject(new Error('full'));
    await Promise.all([first, second]);
  });

  it('writes nothing of before the failure when it is back: what is done since stays done', async () => {
    const folder = await newFolder();
    const { clock, timers } = timing();
    const store = await open(folder, { clock });
    const { promise: fails, reject } = deferred<void>();
    const writes = changedWrites(() => fails);
    store.put(record(1));
    const durable = committed(store);
    writes.end();
    store.put(record(2));
    reject(new Error('full'));
    await durable;
    store.remove(2);
    timers.shift()?.fire();
    await store.flush();
    store.put(record(3));
    await committed(store);
    assert.deepEqual(held(await killed(folder)).outgoing, [record(1), record(3)]);
  });

  it('loses what is removed when it is back, also of messages that had one record before', async () => {
    const folder = await newFolder();
    const { clock, timers } = timing();
    const store = await open(folder, { clock });
    for (const sequence of [1, 2]) store.put(record(sequence));
    await committed(store);
    const writes = changedWrites(() => Promise.reject(new Error('full')));
    store.put(record(3));
    await committed(store);
    writes.end();
    timers.shift()?.fire();
    await store.flush();
    store.remove(1);
    await store.flush();
    assert.deepEqual(held(await killed(folder)).outgoing, [record(2), record(3)]);
  });

  it('has the wishes of now when it is written anew, also those that were over or new while it failed', async () => {
    const folder = await newFolder();
    const { clock, timers } = timing();
    const store = await open(folder, { clock });
    for (const filter of ['a', 'b']) store.saveWish(wish('n', filter));
    await committed(store);
    const writes = changedWrites(() => Promise.reject(new Error('full')));
    store.put(record(1));
    await committed(store);
    writes.end();
    store.removeWish('n', wish('n', 'a').filter);
    store.saveWish(wish('n', 'c'));
    timers.shift()?.fire();
    await store.flush();
    assert.deepEqual((await killed(folder)).wishesOf('n'), [wish('n', 'b'), wish('n', 'c')]);
  });

  it('has whose session it is, and its subscriptions, when it is written anew: those of before, and those that came meanwhile', async () => {
    const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const subscription = (filter: string): StoredSubscription => ({
      filter: filter as TopicFilter,
      identifier: 1,
      options,
      granted: 1,
    });
    const identity = { server: 'mqtt://host:1883', clientId: 'c', unanswered: false };
    const folder = await newFolder();
    const { clock, timers } = timing();
    const store = await open(folder, { clock });
    store.saveIdentity(identity);
    store.saveSubscription(subscription('before'));
    await committed(store);
    const writes = changedWrites(() => Promise.reject(new Error('full')));
    store.saveSubscription(subscription('lost'));
    await committed(store);
    writes.end();
    store.saveSubscription(subscription('meanwhile'));
    timers.shift()?.fire();
    await store.flush();
    const next = held(await killed(folder));
    assert.deepEqual(next.identity, identity);
    assert.deepEqual(
      next.subscriptions,
      ['before', 'lost', 'meanwhile'].map((filter) => subscription(filter)),
    );
  });

  it('keeps records that could not be read also when it is written anew', async () => {
    const folder = await holding(record(1));
    await change(folder, (database) => database.put('message/x', Buffer.from('odd')));
    const { store, timers } = await failed(folder);
    timers.shift()?.fire();
    await store.flush();
    await store.close();
    stores.pop();
    let kept: Buffer | undefined;
    await change(folder, async (database) => void (kept = await database.get('unreadable/message/x')));
    assert.deepEqual(kept, Buffer.from('odd'));
  });

  for (const isRead of [false, true]) {
    it(`leaves no step behind that a later message of its number would take for its own${isRead ? ', of an earlier process either' : ''}`, async () => {
      const folder = await newFolder();
      let store = await open(folder);
      store.put(record(1));
      store.advance(record(1, { step: 'published', packetId: id(7) }));
      await committed(store);
      if (isRead) {
        await store.close();
        stores.pop();
        store = await open(folder);
      }
      store.remove(1);
      store.put(record(1));
      await committed(store);
      assert.deepEqual(held(await killed(folder)).outgoing, [record(1)]);
    });
  }

  it('has a step also in the process behind one that did nothing about it', async () => {
    const folder = await newFolder();
    const released = record(1, { step: 'released', packetId: id(7), order: 1 });
    (await open(folder)).put(released);
    for (let processes = 0; processes < 2; processes++) {
      await stores.pop()?.close();
      assert.deepEqual(held(await open(folder)).outgoing, [released]);
    }
  });

  it('that failed holds no received id for the next process: another message under one would be swallowed', async () => {
    const folder = await newFolder();
    const store = await open(folder);
    store.saveReceived(taken(5, 9));
    store.put(record(1));
    await committed(store);
    assert.deepEqual(held(await killed(folder)).received, [taken(5, 9)]);
    const fails = changedWrites(() => Promise.reject(new Error('no space left on device')));
    store.removeReceived(id(5));
    await committed(store);
    fails.end();
    const next = await killed(folder);
    assert.deepEqual([held(next).received, held(next).outgoing], [[], [record(1)]]);
    await next.close();
    stores.pop();
    const again = await open(next.folder);
    again.saveReceived(taken(6, 9));
    await committed(again);
    assert.deepEqual(held(await killed(next.folder)).received, [taken(6, 9)], 'and holds those that come then');
  });

  it('that failed, and is on disk again, holds the received ids', async () => {
    const folder = await newFolder();
    const { store, timers } = await failed(folder);
    store.saveReceived(taken(5, 9));
    timers.shift()?.fire();
    await store.flush();
    assert.deepEqual(held(await killed(folder)).received, [taken(5, 9)]);
  });

  it('that failed, and fails again, holds no received id: those on disk are of before', async () => {
    const folder = await newFolder();
    const { clock, timers } = timing();
    const store = await open(folder, { clock });
    store.saveReceived(taken(5, 9));
    await committed(store);
    const writes = changedWrites(() => Promise.reject(new Error('full')));
    store.removeReceived(id(5));
    await committed(store);
    timers.shift()?.fire();
    await store.flush();
    writes.end();
    assert.equal(writes.count, 2);
    assert.deepEqual(held(await killed(folder)).received, []);
  });

  it('that could not be opened holds no received id for the next process', async () => {
    const folder = await newFolder();
    const store = await open(folder);
    store.saveReceived(taken(5, 9));
    await store.close();
    stores.pop();
    const lock = join(folder, 'session/LOCK');
    await rm(lock);
    await mkdir(lock);
    await assert.rejects(open(folder));
    await rm(lock, { recursive: true });
    assert.deepEqual(held(await killed(folder)).received, []);
  });

  it('goes on in memory where the disk hangs: nothing waits for it for more than five seconds', async () => {
    const { clock, timers } = timing();
    const store = await open(await newFolder(), { clock });
    const { promise: hangs, resolve: ends } = deferred<void>();
    const fails = changedWrites(() => hangs);
    store.put(record(1));
    let durable = false;
    store.commit(() => (durable = true));
    fails.end();
    assert.equal(durable, false);
    assert.equal(timers[0]?.delay, 5000);
    timers[0]?.fire();
    await until(() => durable, 'nobody waits');
    assert.match(reports[0]?.message ?? '', /cannot be written to .*: it takes more than 5 s; it is kept in memory/);
    ends();
  });

  it('goes on in memory where the disk fails, says so once, and is on disk again when it works', async () => {
    const retries: (() => void)[] = [];
    const clock: Clock = {
      ...systemClock,
      timer: (delay, fire) => {
        if (delay === 10_000) retries.push(fire);
        return { cancel: () => undefined };
      },
    };
    const folder = await newFolder();
    const store = await open(folder, { clock });
    store.put(record(1));
    await committed(store);
    const fails = changedWrites(() =>
      Promise.reject(Object.assign(new Error('no space left on device'), { code: 'LEVEL_IO_ERROR' })),
    );
    try {
      store.put(record(2));
      await committed(store);
      store.put(record(3));
      let durable = false;
      store.commit(() => (durable = true));
      assert.equal(durable, true, 'memory waits for nothing');
      retries.shift()?.();
      await store.flush();
      assert.deepEqual(held(await killed(folder)).outgoing, [record(1)], 'what was durable stays until more is');
      retries.shift()?.();
      await store.flush();
      assert.equal(fails.count, 3, 'tried again');
      assert.equal(store.unwritten, 2);
      assert.equal(reports.length, 1);
      assert.match(
        reports[0]?.message ?? '',
        /cannot be written to .*: no space left on device; it is kept in memory until it can$/,
      );
    } finally {
      fails.end();
    }
    store.remove(1);
    store.saveReceived(taken(3, 9));
    retries.shift()?.();
    await store.flush();
    assert.match(reports[1]?.message ?? '', /is on disk again/);
    assert.equal(store.unwritten, 0);
    store.put(record(4));
    await committed(store);
    const { outgoing, received } = held(await killed(folder));
    assert.deepEqual(outgoing, [record(2), record(3), record(4)]);
    assert.deepEqual(received, [taken(3, 9)]);
  });

  it('is forgotten with its folder, and who waits for its messages is told', async () => {
    const folder = await newFolder();
    const store = await open(folder);
    const told: unknown[] = [];
    store.put({ ...record(1), settle: (error) => told.push(error) });
    const error = new Error('removed');
    assert.equal(store.discard(error), 1);
    await store.forget();
    stores.pop();
    assert.deepEqual(told, [error]);
    await assert.rejects(stat(folder), { code: 'ENOENT' });
  });

  describe('behind its window', () => {
    const window = { messages: 3, bytes: 1_000_000 };
    const numbers = (messages: readonly (StoredMessage | undefined)[] | undefined): unknown =>
      messages?.map((message) => message?.sequence);
    const inMemory = (store: DiskStore): unknown => numbers(store.load().outgoing);
    const onDisk = (store: DiskStore): number[] => [...store.backlog.sequences];

    /** Messages from 1 on are put, as a session does. */
    function accept(store: DiskStore, count: number, settle?: StoredMessage['settle']): void {
      for (let sequence = 1; sequence <= count; sequence++) {
        if (sequence <= store.backlog.window.messages) store.put({ ...record(sequence), settle });
        else store.backlog.put(record(sequence), settle && { settle });
      }
    }

    async function accepted(
      folder: string,
      count: number,
      options: Partial<DiskStoreOptions> = {},
    ): Promise<DiskStore> {
      const store = await open(folder, { window, ...options });
      accept(store, count);
      await committed(store);
      return store;
    }

    const read = (store: DiskStore, ...sequences: number[]): Promise<unknown> =>
      new Promise((resolve) => store.backlog.read(sequences, (messages) => resolve(numbers(messages))));

    /** From now on each read ends so, until `end`. */
    function failingReads(fail: () => Promise<never>): { count: number; end: () => void } {
      const original = Object.getOwnPropertyDescriptor(ClassicLevel.prototype, '_getMany');
      assert.ok(original !== undefined);
      const fails = { count: 0, end: () => void Object.defineProperty(ClassicLevel.prototype, '_getMany', original) };
      const value = (): Promise<never> => {
        fails.count += 1;
        return fail();
      };
      Object.defineProperty(ClassicLevel.prototype, '_getMany', { ...original, value });
      return fails;
    }

    it('has messages on disk alone, and finds them so in the next process, in their order', async () => {
      const folder = await newFolder();
      for (const store of [await accepted(folder, 7), await killed(folder, { window })]) {
        assert.deepEqual(inMemory(store), [1, 2, 3]);
        assert.deepEqual(onDisk(store), [4, 5, 6, 7]);
        assert.deepEqual(await read(store, 4, 7), [4, 7]);
      }
    });

    it('has what is behind so many bytes on disk alone', async () => {
      const folder = await newFolder();
      await accepted(folder, 5);
      const bytes = sizeOf(record(1).message) + 1;
      const store = await killed(folder, { window: { messages: 100, bytes } });
      assert.deepEqual(
        [inMemory(store), onDisk(store)],
        [
          [1, 2],
          [3, 4, 5],
        ],
      );
    });

    it('has all in memory that came before a message with a step: it was sent before it', async () => {
      const folder = await newFolder();
      const store = await open(folder, { window });
      for (let sequence = 1; sequence <= 7; sequence++) store.put(record(sequence));
      store.advance(record(5, { step: 'published', packetId: id(7) }));
      await committed(store);
      const next = await killed(folder, { window });
      assert.deepEqual(
        [inMemory(next), onDisk(next)],
        [
          [1, 2, 3, 4, 5],
          [6, 7],
        ],
      );
    });

    it('is not asked for what is not written: that is in memory', async () => {
      const store = await open(await newFolder(), { window });
      accept(store, 5);
      assert.equal(store.unwritten, 5);
      const reads = failingReads(() => Promise.reject(new Error('no disk')));
      try {
        assert.deepEqual(await read(store, 4, 5), [4, 5]);
      } finally {
        reads.end();
      }
      await committed(store);
      assert.deepEqual([...store.backlog.unwritten], []);
      assert.deepEqual(await read(store, 4, 5), [4, 5]);
    });

    it('forgets a message that is removed, wherever it is', async () => {
      const folder = await newFolder();
      const store = await accepted(folder, 6);
      for (const sequence of [2, 5]) store.remove(sequence);
      store.backlog.put(record(7), undefined);
      store.remove(7);
      await store.flush();
      assert.deepEqual([...store.backlog.unwritten], []);
      const next = await killed(folder, { window });
      assert.deepEqual([inMemory(next), onDisk(next)], [[1, 3, 4], [6]]);
    });

    it('has messages that came into memory in its records still, and writes their steps', async () => {
      const folder = await newFolder();
      const store = await accepted(folder, 5);
      await new Promise<void>((resolve) =>
        store.backlog.next((rows, messages) => {
          for (const row of rows) store.backlog.take(row);
          for (const message of messages ?? []) if (message !== undefined) store.backlog.took(message);
          resolve();
        }),
      );
      assert.deepEqual([inMemory(store), onDisk(store)], [[1, 2, 3, 4, 5], []]);
      store.advance(record(4, { step: 'published', packetId: id(9) }));
      await committed(store);
      const next = await killed(folder, { window });
      assert.deepEqual(next.load().outgoing[3]?.state, { step: 'published', packetId: id(9) });
    });

    it('asks a disk that cannot be read again every ten seconds, says so once, and goes on', async () => {
      const { clock, timers } = timing();
      const store = await accepted(await newFolder(), 5, { clock });
      const reads = failingReads(() => Promise.reject(new Error('it is ill')));
      const found = read(store, 4, 5);
      try {
        for (const count of [1, 2]) {
          await until(() => reads.count === count && timers.length === 1, 'a read that fails');
          assert.equal(timers[0]?.delay, 10_000);
          if (count === 1) timers.shift()?.fire();
        }
      } finally {
        reads.end();
      }
      timers.shift()?.fire();
      assert.deepEqual(await found, [4, 5]);
      assert.equal(reports.length, 1);
      assert.match(reports[0]?.message ?? '', /cannot be read: it is ill; it is tried again every 10 s/);
    });

    it('says that it is closed to who waits for a read', async () => {
      const store = await accepted(await newFolder(), 5);
      const reads = failingReads(() => Promise.reject(new Error('it is ill')));
      const late = read(store, 4);
      await until(() => reports.length === 1, 'a read that fails');
      reads.end();
      await store.close();
      stores.pop();
      assert.deepEqual([await late, await read(store, 5)], [undefined, undefined]);
    });

    it('sets aside what cannot be read, and has the others', async () => {
      const folder = await newFolder();
      await (await accepted(folder, 6)).close();
      stores.pop();
      const store = await open(folder, { window });
      // It could be read when the process began.
      const key = `message/${'5'.padStart(16, '0')}`;
      await store.flush();
      const odd = failingGet(key);
      try {
        assert.deepEqual(await read(store, 4, 5, 6), [4, undefined, 6]);
      } finally {
        odd.end();
      }
      assert.match(reports[0]?.message ?? '', /1 record of the session in .* cannot be read, and stay there/);
      await store.close();
      stores.pop();
      let kept: Buffer | undefined;
      await change(folder, async (database) => void (kept = await database.get(`unreadable/${key}`)));
      assert.ok(kept !== undefined);
    });

    /** From now on the disk changes a bit of this record. */
    function failingGet(key: string): { end: () => void } {
      const original = Object.getOwnPropertyDescriptor(ClassicLevel.prototype, '_getMany');
      assert.ok(original !== undefined);
      const getMany = original.value as (this: unknown, keys: string[], options: unknown) => Promise<Buffer[]>;
      async function value(this: unknown, keys: string[], options: unknown): Promise<unknown[]> {
        const found = await getMany.call(this, keys, options);
        return found.map((record_, index) => (keys[index] === key ? record_.subarray(1) : record_));
      }
      Object.defineProperty(ClassicLevel.prototype, '_getMany', { ...original, value });
      return { end: () => void Object.defineProperty(ClassicLevel.prototype, '_getMany', original) };
    }

    it('is written anew with what only the disk has, and what only memory has', async () => {
      const { clock, timers } = timing();
      const folder = await newFolder();
      const store = await accepted(folder, 8, { clock });
      const givenUp = store.backlog.takeFirst(2, 0);
      const fails = changedWrites(() => Promise.reject(new Error('full')));
      store.backlog.put(record(9), undefined);
      await committed(store);
      store.backlog.put(record(10), undefined);
      store.remove(2);
      fails.end();
      assert.equal(store.unwritten, 2);
      timers.shift()?.fire();
      await store.flush();
      assert.equal(store.unwritten, 0);
      assert.deepEqual([...store.backlog.unwritten], []);
      const found = await new Promise((resolve) =>
        store.backlog.readGivenUp(givenUp, (_, messages) => resolve(numbers(messages))),
      );
      assert.deepEqual(found, [4, 5]);
      for (const sequence of [4, 5]) store.remove(sequence);
      await store.flush();
      const next = await killed(folder, { window });
      assert.deepEqual(
        [inMemory(next), onDisk(next)],
        [
          [1, 3, 6],
          [7, 8, 9, 10],
        ],
      );
    });

    it('is counted by who only looks, but for what expired: that does not wait, wherever it is', async () => {
      const folder = await newFolder();
      const store = await open(folder);
      store.put(record(1, { step: 'abandoned', packetId: id(1), order: 1 }));
      for (let sequence = 2; sequence <= 10_005; sequence++)
        store.put({ ...record(sequence), expiresAt: sequence % 5_001 === 0 ? 0 : undefined });
      await store.close();
      stores.pop();
      assert.equal(await DiskStore.waitingIn(folder), 10_002);
    });

    it('tells all who wait when it is discarded, also where one of them throws', async () => {
      const store = await open(await newFolder(), { window });
      let told = 0;
      accept(store, 6, () => {
        told += 1;
        if (told === 2) throw new Error('a flow');
      });
      await committed(store);
      store.backlog.takeFirst(1, 0);
      assert.throws(() => store.discard(new Error('removed')), /a flow/);
      assert.equal(told, 6);
      assert.equal(store.backlog.length, 0);
    });

    it('counts those that it discards', async () => {
      const store = await accepted(await newFolder(), 6);
      assert.equal(store.discard(new Error('removed')), 6);
    });

    it('brings all back into memory for a session that goes on elsewhere, with who waits', async () => {
      const store = await open(await newFolder(), { window });
      const told: unknown[] = [];
      accept(store, 9, (error) => void told.push(error));
      await committed(store);
      assert.equal(await store.bringBack(), true);
      assert.deepEqual([inMemory(store), onDisk(store)], [[1, 2, 3, 4, 5, 6, 7, 8, 9], []]);
      for (const { settle } of store.load().outgoing) settle?.(undefined, 0);
      assert.equal(told.length, 9);
    });

    it('tells who waits for a message that cannot be brought back', async () => {
      const folder = await newFolder();
      const store = await open(folder, { window });
      const told: unknown[] = [];
      accept(store, 5, (error) => void told.push(error));
      await committed(store);
      const odd = failingGet(`message/${'4'.padStart(16, '0')}`);
      try {
        assert.equal(await store.bringBack(), true);
      } finally {
        odd.end();
      }
      assert.deepEqual(inMemory(store), [1, 2, 3, 5]);
      assert.match(String(told), /cannot be read any more/);
    });

    it('brings back no more where the disk hangs: the rest stays', async () => {
      const { clock, timers } = timing();
      const store = await accepted(await newFolder(), 5, { clock });
      const { promise, resolve } = deferred<never>();
      const reads = failingReads(() => promise);
      const back = store.bringBack();
      await until(() => reads.count === 1, 'a read that hangs');
      reads.end();
      assert.equal(timers[0]?.delay, 5_000);
      timers.shift()?.fire();
      assert.equal(await back, false);
      // What comes too late is not taken.
      resolve([undefined, undefined] as never);
      await new Promise((turn) => setImmediate(turn));
      assert.deepEqual(
        [inMemory(store), onDisk(store)],
        [
          [1, 2, 3],
          [4, 5],
        ],
      );
    });
  });
});
