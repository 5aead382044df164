import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DiskStore,
  MemoryStore,
  type MqttError,
  type SessionStore,
  type StoredMessage,
  type TopicName,
} from '../../../../src/index.ts';
import { SessionStores, type SessionUser } from '../../../../nodes/mqtt-connection/session-stores.ts';
import { type Clock, systemClock } from '../../../../src/util/clock.ts';
import { type Deferred, deferred } from '../../../../src/util/deferred.ts';
import { until } from '../../../support/events.ts';

/** Puts one message into the session; what its sender is told. */
function waiting(store: SessionStore, sequence = 1): (Error | undefined)[] {
  const told: (Error | undefined)[] = [];
  store.put({ ...record(sequence), settle: (error) => void told.push(error) });
  return told;
}

function record(sequence: number): StoredMessage {
  return {
    sequence,
    message: { topic: 'a' as TopicName, payload: Buffer.from('x'), qos: 1, retain: false, properties: undefined },
    acceptedAt: 0,
    expiresAt: undefined,
    state: { step: 'queued' },
  };
}

/** What a store says to who asks whether all is durable. */
function durable(store: SessionStore): boolean | undefined {
  let said: boolean | undefined;
  store.commit((kept) => (said = kept));
  return said;
}

const IN_MEMORY = { folder: undefined, fsync: false };

/** An object of a node, which lets go of the session at once. */
function user(report: (problem: MqttError) => void = (problem) => assert.fail(problem)): SessionUser {
  return { report, moving: async (move) => move() };
}

/** The session of the node `c`, in memory. */
function of(stores: SessionStores): SessionStore {
  const { store } = stores.of('c', IN_MEMORY, user());
  return store ?? assert.fail('it is not open');
}

function newStores(): SessionStores {
  return new SessionStores((error) => assert.fail(String(error)));
}

describe('the session of a connection', () => {
  it('is opened when somebody is through with its folder, and nobody else has it meanwhile', async () => {
    const root = await mkdtemp(join(tmpdir(), 'posthorn-stores-'));
    const folder = join(root, 'c');
    const stores = newStores();
    const looking = deferred<void>();
    const held = stores.hold('c', folder, () => looking.promise);
    assert.equal(
      stores.hold('c', folder, () => Promise.reject(new Error('twice'))),
      undefined,
    );
    const session = stores.of('c', { folder, fsync: false }, user());
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(existsSync(folder), false);
    looking.resolve();
    await held;
    await session.opening;
    assert.equal(existsSync(folder), true);
    assert.equal(
      stores.hold('c', folder, () => Promise.reject(new Error('it is used'))),
      undefined,
    );
    stores.remove('c');
    await stores.told();
    await rm(root, { recursive: true, force: true });
  });

  it('that did not come back in a deploy ends with it, and who waits is told', async () => {
    const stores = newStores();
    const told = waiting(of(stores));
    await stores.left('c');
    assert.equal(stores.prune(), 1);
    await stores.told();
    assert.match(String(told[0]), /removed before the broker had the message/);
    assert.equal(stores.prune(), 0);
  });

  it('is durable in memory where that was chosen, and all of it', () => {
    const { store, isWhole } = newStores().of('c', IN_MEMORY, user());
    assert.deepEqual([durable(store ?? assert.fail('it is not open')), isWhole], [true, true]);
  });

  it('that came back goes on, also when the earlier object of the node ends only then', async () => {
    const stores = newStores();
    const store = of(stores);
    const told = waiting(store);
    assert.equal(of(stores), store);
    await stores.left('c');
    assert.equal(stores.prune(), 0);
    assert.deepEqual(told, []);
  });

  it('ends when its node is removed', async () => {
    const stores = newStores();
    const told = waiting(of(stores));
    assert.equal(stores.remove('c'), 1);
    await stores.told();
    assert.equal(told.length, 1);
  });

  it('that ends with very many messages tells who waits some in each turn of the event loop', async () => {
    const stores = newStores();
    const store = of(stores);
    const told = Array.from({ length: 1000 }, (_, sequence) => waiting(store, sequence));
    const count = (): number => told.filter(({ length }) => length > 0).length;
    assert.equal(stores.remove('c'), 1000);
    assert.equal(count(), 0);
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(count() > 0 && count() < 1000, `${count()} in a turn`);
    await stores.told();
    assert.equal(count(), 1000);
  });

  it('is not kept from telling the others by one that throws, which is told', async () => {
    const thrown: unknown[] = [];
    const stores = new SessionStores((error) => thrown.push(error));
    const store = of(stores);
    store.put({ ...record(1), settle: () => assert.fail('a flow') });
    const told = waiting(store, 2);
    stores.remove('c');
    await stores.told();
    assert.deepEqual([told.length, thrown.length], [1, 1]);
  });

  it('on a disk that fails counts as lost with the process what only memory has', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-stores-'));
    const stores = newStores();
    const store = await stores.of('c', { folder, fsync: false }, user()).opening;
    store.put(record(1));
    await stores.left('c');
    store.put(record(2));
    assert.equal(stores.end(), 1);
    assert.ok(store instanceof DiskStore);
    await store.forget();
  });
});

/** Waits that end by hand. */
class Waits {
  readonly #armed = new Set<{ readonly milliseconds: number; readonly fire: () => void }>();

  readonly after = (milliseconds: number, fire: () => void): (() => void) => {
    const wait = { milliseconds, fire };
    this.#armed.add(wait);
    return () => void this.#armed.delete(wait);
  };

  /** What waits for so long is over, when something does. */
  async pass(milliseconds: number): Promise<void> {
    const due = (): boolean => [...this.#armed].some((wait) => wait.milliseconds === milliseconds);
    await until(due, `something waits for ${milliseconds} ms`);
    for (const wait of this.#armed) if (wait.milliseconds === milliseconds && this.#armed.delete(wait)) wait.fire();
  }

  get armed(): number {
    return this.#armed.size;
  }
}

describe('the session of a connection whose disk cannot be used', () => {
  let folder: string;
  let waits: Waits;
  let problems: string[];
  const opened: DiskStore[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'posthorn-stores-'));
    waits = new Waits();
    problems = [];
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  const told = (moving: SessionUser['moving'] = async (move) => move()): SessionUser => ({
    report: ({ message }) => problems.push(message),
    moving,
  });

  /** A folder in which two messages wait, which this process holds until it is closed. */
  async function locked(): Promise<DiskStore> {
    const store = await DiskStore.open(folder, { report: () => undefined });
    store.put(record(1));
    store.put(record(2));
    return store;
  }

  /** Stores whose openings wait for what the test says. */
  function hanging(): { readonly stores: SessionStores; readonly openings: Deferred<void>[] } {
    const openings: Deferred<void>[] = [];
    const open: typeof DiskStore.open = async (...args) => {
      const one = deferred<void>();
      openings.push(one);
      await one.promise;
      const store = await DiskStore.open(...args);
      opened.push(store);
      return store;
    };
    return { stores: new SessionStores((error) => assert.fail(String(error)), { after: waits.after, open }), openings };
  }

  /** Opens stores, and waits for nobody else who has the folder. */
  const open: typeof DiskStore.open = (path, options) =>
    DiskStore.open(path, {
      ...options,
      clock: { ...systemClock, timer: (delay, fire) => systemClock.timer(delay === 100 ? 0 : delay, fire) },
    });

  const stores = (): SessionStores =>
    new SessionStores((error) => assert.fail(String(error)), { after: waits.after, open });
  const sequences = (store: SessionStore | undefined): number[] =>
    (store ?? assert.fail('it is not open')).load().outgoing.map(({ sequence }) => sequence);

  it('is on disk by itself as soon as that can be used: what was there first, then what came since', async () => {
    const other = await locked();
    const all = stores();
    const session = all.of('c', { folder, fsync: false }, told());
    const inMemory = await session.opening;
    assert.match(problems.join(), /another process uses it; it is in memory, and tried again every 10 s$/);
    assert.equal(
      durable(inMemory),
      false,
      'memory in place of a disk keeps nothing: what is done when it is stored waits',
    );
    assert.equal(session.isWhole, false, 'and nobody knows what waits there');
    const outcomes = waiting(inMemory);
    await waits.pass(10_000);
    await until(() => waits.armed > 0, 'it failed again');
    assert.equal(problems.length, 1, 'told once');
    await other.close();
    await waits.pass(10_000);
    await until(() => session.store instanceof DiskStore, 'it is on disk');
    assert.deepEqual(sequences(session.store), [1, 2, 3]);
    assert.match(problems[1] ?? '', /^the session is on disk now, in /);
    assert.equal(session.isWhole, true);
    assert.equal(waits.armed, 0);
    assert.equal(all.remove('c'), 3);
    await all.told();
    assert.equal(outcomes.length, 1, 'who gave a message in memory is told');
    await assert.rejects(stat(folder), { code: 'ENOENT' });
  });

  for (const [mayBe, what] of [
    [true, 'may have some of it is awaited, until it is on disk'],
    [false, 'certainly has none of it is not awaited'],
  ] as const) {
    it(`in a folder that ${what}; the disk is asked once`, async () => {
      const other = await locked();
      const asked: string[] = [];
      const mayBeIn = (path: string): Promise<boolean> => {
        asked.push(path);
        return Promise.resolve(mayBe);
      };
      const all = new SessionStores((error) => assert.fail(String(error)), { after: waits.after, open, mayBeIn });
      const session = all.of('c', { folder, fsync: false }, told());
      await session.opening;
      assert.deepEqual([session.awaitsDisk, session.awaitsDisk, asked], [mayBe, mayBe, [folder]]);
      await other.close();
      await waits.pass(10_000);
      await until(() => session.store instanceof DiskStore, 'it is on disk');
      assert.deepEqual([session.awaitsDisk, asked], [false, [folder]]);
      all.remove('c');
      await all.told();
    });
  }

  it('in memory, as a person chose, awaits no disk', async () => {
    const session = stores().of('c', IN_MEMORY, told());
    await session.opening;
    assert.equal(session.awaitsDisk, false);
  });

  it('moves when its user has let go of it, and not before', async () => {
    const other = await locked();
    const all = stores();
    const letGo = deferred<void>();
    let asked = false;
    const session = all.of(
      'c',
      { folder, fsync: false },
      told(async (move) => {
        asked = true;
        await letGo.promise;
        move();
      }),
    );
    const inMemory = await session.opening;
    await other.close();
    await waits.pass(10_000);
    await until(() => asked, 'it is asked');
    inMemory.put(record(1));
    assert.equal(session.store, inMemory);
    letGo.resolve();
    await until(() => session.store instanceof DiskStore, 'it is on disk');
    assert.deepEqual(sequences(session.store), [1, 2, 3]);
    all.remove('c');
    await all.told();
  });

  it('moves at the next try where another object of its node came meanwhile', async () => {
    const other = await locked();
    const all = stores();
    const session = all.of(
      'c',
      { folder, fsync: false },
      told(async (move) => {
        if (problems.length === 1) {
          problems.push('a deploy');
          all.of('c', { folder, fsync: false }, told());
        }
        move();
      }),
    );
    await session.opening;
    await other.close();
    await waits.pass(10_000);
    await until(() => waits.armed > 0, 'it waits');
    assert.ok(session.store instanceof MemoryStore);
    await all.left('c');
    await waits.pass(10_000);
    await until(() => session.store instanceof DiskStore, 'it is on disk');
    all.remove('c');
    await all.told();
  });

  it('is in memory where the opening takes more than ten seconds, which a person is told, and on disk when that opened after all', async () => {
    await (await locked()).close();
    const { stores: all, openings } = hanging();
    const session = all.of('c', { folder, fsync: false }, told());
    await waits.pass(10_000);
    assert.ok((await session.opening) instanceof MemoryStore);
    assert.match(
      problems.join(),
      /cannot be kept in .*: it takes more than 10 s to open; it is in memory until it is open$/,
    );
    (await session.opening).put(record(1));
    openings[0]?.resolve();
    await until(() => session.store instanceof DiskStore, 'it is on disk');
    assert.deepEqual(sequences(session.store), [1, 2, 3]);
    assert.equal(openings.length, 1, 'not opened twice at a time');
    all.remove('c');
    await all.told();
  });

  it('holds no received id on disk where the opening hangs: the process may end before it knows that one is released', async () => {
    const other = await DiskStore.open(folder, { report: () => undefined });
    await other.close();
    assert.ok(existsSync(join(folder, 'received-ids-hold')));
    const { stores: all, openings } = hanging();
    const session = all.of('c', { folder, fsync: false }, told());
    await waits.pass(10_000);
    await session.opening;
    assert.ok(!existsSync(join(folder, 'received-ids-hold')));
    openings[0]?.resolve();
    await until(() => session.store instanceof DiskStore, 'it is on disk');
    all.remove('c');
    await all.told();
  });

  it('is removed though it hangs: nobody waits for the folder for more than a second, and it goes when it can', async () => {
    const { stores: all, openings } = hanging();
    all.of('c', { folder, fsync: false }, told());
    await until(() => openings.length > 0, 'it is being opened');
    all.remove('c');
    const end = all.told();
    await waits.pass(1000);
    await end;
    openings[0]?.resolve();
    await until(() => !existsSync(folder), 'the folder is gone');
  });

  /** Opens stores whose folders are not given up before `hangs` is over. */
  function holding(hangs: Promise<void>): typeof DiskStore.open {
    return async (...args) => {
      const store = await DiskStore.open(...args);
      const forget = store.forget.bind(store);
      store.forget = () => hangs.then(forget);
      return store;
    };
  }

  it('goes to memory at once where a person chose that: what hangs may take its time', async () => {
    const hangs = deferred<void>();
    const open = holding(hangs.promise);
    const all = new SessionStores((error) => assert.fail(String(error)), { after: waits.after, open });
    (await all.of('c', { folder, fsync: false }, told()).opening).put(record(1));
    const inMemory = await all.of('c', IN_MEMORY, told()).opening;
    assert.deepEqual(sequences(inMemory), [1]);
    const back = all.of('c', { folder, fsync: false }, told());
    hangs.resolve();
    const onDisk = await back.opening;
    assert.ok(onDisk instanceof DiskStore, 'opened when the folder was free');
    assert.deepEqual(sequences(onDisk), [1]);
    await onDisk.flush();
    assert.ok(existsSync(join(folder, 'session')));
    all.remove('c');
    await all.told();
  });

  /** Stores whose disks have all but one message alone; their clock has no time. */
  function paged(clock = systemClock): SessionStores {
    const open: typeof DiskStore.open = async (path, options) => {
      const store = await DiskStore.open(path, { ...options, clock, window: { messages: 1, bytes: 1_000_000 } });
      opened.push(store);
      return store;
    };
    return new SessionStores((error) => assert.fail(String(error)), { after: waits.after, open });
  }

  /** One message in memory, two on disk; what who gave them is told. */
  async function filled(all: SessionStores): Promise<{ readonly store: DiskStore; readonly outcomes: unknown[] }> {
    const store = await all.of('c', { folder, fsync: false }, told()).opening;
    assert.ok(store instanceof DiskStore);
    const outcomes: unknown[] = [];
    const settle = (error: Error | undefined): void => void outcomes.push(error);
    store.put({ ...record(1), settle });
    for (const sequence of [2, 3]) store.backlog.put(record(sequence), { settle });
    await store.flush();
    return { store, outcomes };
  }

  it('has all in memory where a person chose that, also what waited on disk alone, and all again on disk', async () => {
    const all = paged();
    const { outcomes } = await filled(all);
    assert.deepEqual(sequences(await all.of('c', IN_MEMORY, told()).opening), [1, 2, 3]);
    await until(() => !existsSync(folder), 'its folder is gone');
    const onDisk = await all.of('c', { folder, fsync: false }, told()).opening;
    assert.deepEqual(sequences(onDisk), [1, 2, 3]);
    assert.equal(all.remove('c'), 3);
    await all.told();
    assert.equal(outcomes.length, 3);
    assert.deepEqual(problems, []);
  });

  it('leaves on disk what that does not give back, and says so', async () => {
    const late: (() => void)[] = [];
    const clock: Clock = {
      ...systemClock,
      timer: (delay, fire) => {
        if (delay === 5_000) late.push(fire);
        return { cancel: () => undefined };
      },
    };
    const all = paged(clock);
    const { store } = await filled(all);
    let isAsked = false;
    // It never answers.
    store.backlog.next = () => void (isAsked = true);
    const { opening } = all.of('c', IN_MEMORY, told());
    await until(() => isAsked, 'a read that hangs');
    late.forEach((fire) => fire());
    assert.deepEqual(sequences(await opening), [1]);
    assert.match(problems.join(), /^2 messages cannot be read from .*: they stay there, and are sent when the session/);
    await all.told();
    assert.ok(existsSync(join(folder, 'session')));
  });

  it('is opened when the folder of an earlier one of its id is gone', async () => {
    const hangs = deferred<void>();
    const open = holding(hangs.promise);
    const all = new SessionStores((error) => assert.fail(String(error)), { after: waits.after, open });
    await all.of('c', { folder, fsync: false }, told()).opening;
    all.remove('c');
    const next = all.of('c', { folder, fsync: false }, told());
    await new Promise((resolve) => setImmediate(resolve));
    hangs.resolve();
    assert.ok((await next.opening) instanceof DiskStore);
    assert.deepEqual(problems, []);
    all.remove('c');
    await all.told();
  });

  it('is left within a second though it hangs', async () => {
    const open: typeof DiskStore.open = async (...args) => {
      const store = await DiskStore.open(...args);
      store.flush = () => new Promise(() => undefined);
      opened.push(store);
      return store;
    };
    const all = new SessionStores((error) => assert.fail(String(error)), { after: waits.after, open });
    await all.of('c', { folder, fsync: false }, told()).opening;
    const left = all.left('c');
    await waits.pass(1000);
    await left;
    for (const store of opened.splice(0)) await store.forget();
  });

  it('is on the medium before it counts from the deploy on in which a person chose that', async () => {
    const all = stores();
    const session = all.of('c', { folder, fsync: false }, told());
    const store = await session.opening;
    const chosen: unknown[] = [];
    Object.defineProperty(store, 'fsync', {
      set(fsync: boolean) {
        chosen.push(fsync);
      },
    });
    all.of('c', { folder, fsync: true }, told());
    assert.deepEqual(chosen, [true]);
    all.remove('c');
    await all.told();
  });

  it('tells who waits also where it is removed on its way to the disk', async () => {
    const { stores: all } = hanging();
    const outcomes = waiting(of(all));
    all.of('c', { folder, fsync: false }, told());
    assert.equal(all.remove('c'), 1);
    await until(() => outcomes.length === 1, 'he is told');
  });
});
