import assert from 'node:assert/strict';
import { joinSessions } from '../../../../nodes/mqtt-connection/join-sessions.ts';
import { MemoryStore, type StoredMessage, type StoredSubscription, type TopicFilter } from '../../../../src/index.ts';
import { PagedStore } from '../../../support/paged-store.ts';
import { id, record, taken, wish } from '../../store/contract.ts';

type State = StoredMessage['state'];

const ME = { server: 'mqtt://broker:1883', clientId: 'me' };

const published = (packetId: number): State => ({ step: 'published', packetId: id(packetId) });
const released = (packetId: number, order: number): State => ({ step: 'released', packetId: id(packetId), order });
const abandoned = (packetId: number, order: number): State => ({ step: 'abandoned', packetId: id(packetId), order });

function subscription(filter: string, identifier: number): StoredSubscription {
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return { filter: filter as TopicFilter, identifier, options, granted: 1 };
}

/** A session of `identity` with messages in these states, from sequence 1 on. */
function session(identity: typeof ME | undefined, ...states: readonly State[]): MemoryStore {
  const store = new MemoryStore();
  if (identity !== undefined) store.saveIdentity(identity);
  for (const [index, state] of states.entries()) store.put(record(index + 1, state));
  return store;
}

/** The states of the messages, by their sequence. */
function states(store: MemoryStore): Readonly<Record<number, State>> {
  return Object.fromEntries(store.load().outgoing.map(({ sequence, state }) => [sequence, state]));
}

describe('two sessions that become one', () => {
  it('have their messages in the order in which they came', () => {
    const store = session(ME, { step: 'queued' }, { step: 'queued' });
    joinSessions(store, session(ME, { step: 'queued' }).load());
    assert.deepEqual(states(store), { 1: { step: 'queued' }, 2: { step: 'queued' }, 3: { step: 'queued' } });
  });

  it('have no two messages under one id: the earlier one is sent anew', () => {
    const store = session(ME, published(5), released(6, 1), abandoned(7, 2));
    joinSessions(store, session(ME, published(5), released(6, 1), published(7)).load());
    const later = { 4: published(5), 5: released(6, 3), 6: published(7) };
    assert.deepEqual(states(store), { 1: { step: 'queued' }, 2: { step: 'queued' }, ...later });
  });

  it('go on with what has its id for itself; what was released may have been so in a session that is gone', () => {
    const store = session(ME, published(5), released(6, 4), abandoned(7, 5));
    joinSessions(store, session(ME, released(8, 1)).load());
    assert.deepEqual(states(store), {
      1: published(5),
      2: { ...released(6, 4), doubtful: true },
      3: abandoned(7, 5),
      4: released(8, 6),
    });
  });

  it('know what the live one knows of the broker, and forget what only the earlier one knew', () => {
    const store = session(ME);
    for (const packetId of [1, 2]) store.saveReceived(taken(packetId, 10));
    for (const one of [subscription('a', 1), subscription('b', 2)]) store.saveSubscription(one);
    const live = session({ ...ME });
    for (const packetId of [2, 3]) live.saveReceived(taken(packetId, 20));
    for (const one of [subscription('b', 7), subscription('c', 8)]) live.saveSubscription(one);
    joinSessions(store, live.load());
    const { received, subscriptions } = store.load();
    assert.deepEqual(new Set(received), new Set([taken(2, 20), taken(3, 20)]));
    assert.deepEqual(new Set(subscriptions), new Set([subscription('b', 7), subscription('c', 8)]));
  });

  const filters = (store: MemoryStore): string[] => store.load().wishes.map(({ ref, filter }) => `${ref} ${filter}`);

  it('want what the live one wants, which was used with all that there was', () => {
    const store = session(ME);
    for (const filter of ['a', 'b']) store.saveWish(wish('n', filter));
    const live = session(ME);
    for (const one of [wish('n', 'b', { note: 'later' }), wish('m', 'c')]) live.saveWish(one);
    joinSessions(store, live.load());
    assert.deepEqual(store.load().wishes, [wish('n', 'b', { note: 'later' }), wish('m', 'c')]);
  });

  it('want also what only the earlier one knew, where the live one stood in for it, but for what is over since', () => {
    const store = session(ME);
    for (const filter of ['a', 'b', 'c']) for (const ref of ['n', 'm']) store.saveWish(wish(ref, filter));
    const live = new MemoryStore({ isKept: false });
    live.saveIdentity(ME);
    live.removeWish('m');
    live.removeWish('n', wish('n', 'a').filter);
    live.removeWish('n', wish('n', 'c').filter);
    for (const one of [wish('n', 'c', { note: 'again' }), wish('m', 'd')]) live.saveWish(one);
    joinSessions(store, live.load());
    assert.deepEqual(new Set(filters(store)), new Set(['n b', 'n c', 'm d']));
    assert.equal(store.wishesOf('n').find(({ filter }) => filter === 'c')?.note, 'again');
  });

  it('want nothing of the earlier one, where they are of two clients', () => {
    const store = session({ ...ME, clientId: 'earlier' });
    store.saveWish(wish('n', 'a'));
    const live = new MemoryStore({ isKept: false });
    live.saveIdentity(ME);
    live.saveWish(wish('n', 'b'));
    joinSessions(store, live.load());
    assert.deepEqual(filters(store), ['n b']);
  });

  it('want what the earlier one wanted, where the other was never used', () => {
    const store = session(ME);
    store.saveWish(wish('n', 'a'));
    joinSessions(store, session(undefined).load());
    assert.deepEqual(filters(store), ['n a']);
  });

  it('are the live one’s, where they are of two clients: messages of before are sent anew', () => {
    const store = session({ ...ME, clientId: 'earlier' }, published(5), abandoned(6, 1));
    joinSessions(store, session(ME, published(8)).load());
    assert.deepEqual(store.load().identity, ME);
    assert.deepEqual(states(store), { 1: { step: 'queued' }, 3: published(8) });
  });

  it('are the earlier one’s, where the other was never used', () => {
    const store = session(ME, published(5));
    store.saveReceived(taken(1, 10));
    joinSessions(store, session(undefined).load());
    assert.deepEqual(store.load().identity, ME);
    assert.deepEqual(store.load().received, [taken(1, 10)]);
    assert.deepEqual(states(store), { 1: published(5) });
  });

  /** Two messages in memory, two on disk. */
  function paged(): PagedStore {
    const store = new PagedStore();
    for (const sequence of [1, 2]) store.put(record(sequence));
    for (const sequence of [3, 4]) store.backlog.put(record(sequence), undefined);
    return store;
  }

  it('have what waits on disk before what waited in memory, with who waits; what is under way goes on', () => {
    const store = paged();
    const live = session(ME, published(5), { step: 'queued' });
    const settle = (): void => undefined;
    live.put({ ...record(3), settle, expiresAt: 77 });
    joinSessions(store, live.load());
    assert.deepEqual(states(store), { 1: { step: 'queued' }, 2: { step: 'queued' }, 5: published(5) });
    assert.deepEqual([...store.backlog.sequences], [3, 4, 6, 7]);
    assert.equal(store.backlog.takeWaiter(6), undefined);
    assert.equal(store.backlog.takeWaiter(7)?.settle, settle);
    assert.equal(store.backlog.deadline, 77);
    assert.deepEqual([...store.records.keys()], [1, 2, 3, 4, 5, 6, 7]);
  });

  it('are in memory where nothing waits on disk alone', () => {
    const store = new PagedStore();
    joinSessions(store, session(ME, { step: 'queued' }, { step: 'queued' }).load());
    assert.deepEqual(Object.keys(states(store)), ['1', '2']);
    assert.equal(store.backlog.length, 0);
  });
});
