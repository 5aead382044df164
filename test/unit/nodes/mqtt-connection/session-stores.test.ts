import assert from 'node:assert/strict';
import { mkdtemp, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskStore, type SessionStore, type StoredMessage, type TopicName } from '../../../../src/index.ts';
import { SessionStores } from '../../../../nodes/mqtt-connection/session-stores.ts';

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

const IN_MEMORY = { folder: undefined, fsync: false };

/** The session of the node `c`, in memory. */
function of(stores: SessionStores): SessionStore {
  const { store } = stores.of('c', IN_MEMORY, (problem) => assert.fail(problem));
  return store ?? assert.fail('it is not open');
}

function newStores(): SessionStores {
  return new SessionStores((error) => assert.fail(String(error)));
}

describe('the session of a connection', () => {
  it('that did not come back in a deploy ends with it, and who waits is told', async () => {
    const stores = newStores();
    const told = waiting(of(stores));
    await stores.left('c');
    assert.equal(stores.prune(), 1);
    await stores.told();
    assert.match(String(told[0]), /removed before the broker had the message/);
    assert.equal(stores.prune(), 0);
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

  it('that could not be on disk for a while has what was there and what came since, in their order', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-stores-'));
    const place = { folder, fsync: false };
    const problems: string[] = [];
    const stores = newStores();
    const other = await DiskStore.open(folder, { report: () => undefined });
    other.put(record(1));
    other.put(record(2));
    const inMemory = await stores.of('c', place, ({ message }) => problems.push(message)).opening;
    assert.match(problems.join(), /another process uses it/);
    inMemory.put(record(1));
    await stores.left('c');
    await other.close();
    const store = await stores.of('c', place, ({ message }) => problems.push(message)).opening;
    assert.deepEqual(
      store.load().outgoing.map(({ sequence }) => sequence),
      [1, 2, 3],
    );
    assert.equal(stores.remove('c'), 3);
    await stores.told();
    await assert.rejects(stat(folder), { code: 'ENOENT' });
    assert.equal(problems.length, 1);
  });

  it('on a disk that fails counts as lost with the process what only memory has', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-stores-'));
    const stores = newStores();
    const store = await stores.of('c', { folder, fsync: false }, () => undefined).opening;
    store.put(record(1));
    await stores.left('c');
    store.put(record(2));
    assert.equal(stores.end(), 1);
    assert.ok(store instanceof DiskStore);
    await store.forget();
  });
});
