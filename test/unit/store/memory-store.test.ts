import assert from 'node:assert/strict';
import type { TopicFilter } from '../../../src/protocol/topic.ts';
import { MOST_ENDED } from '../../../src/store/ended-wishes.ts';
import { MemoryStore } from '../../../src/store/memory-store.ts';
import type { StoredMessage } from '../../../src/store/session-store.ts';
import { id, message } from '../session/fixture.ts';
import { itKeepsASession, wish } from './contract.ts';

function record(sequence: number, step: 'queued' | 'published' = 'queued'): StoredMessage {
  const state = step === 'queued' ? { step } : { step, packetId: id(sequence) };
  return { sequence, message: message(`t${sequence}`, 1), acceptedAt: 0, expiresAt: undefined, state };
}

describe('MemoryStore', () => {
  it('is empty at first', () =>
    assert.deepEqual(new MemoryStore().load(), {
      identity: undefined,
      outgoing: [],
      received: [],
      subscriptions: [],
      wishes: [],
    }));

  itKeepsASession(() => {
    const store = new MemoryStore();
    return Promise.resolve({ store, reopen: () => Promise.resolve(store) });
  });

  it('knows what is over where it stands in for another one, and what of one that ended too many', () => {
    const filter = (number: number): TopicFilter => `f${number}` as TopicFilter;
    const store = new MemoryStore({ isKept: false });
    store.saveWish(wish('n', 'f1'));
    store.removeWish('n', filter(1));
    store.removeWish('m');
    assert.deepEqual(store.load().ended, [
      { ref: 'n', filter: 'f1' },
      { ref: 'm', filter: undefined },
    ]);
    for (let number = 0; number <= MOST_ENDED; number++) store.removeWish('n', filter(number));
    assert.deepEqual(store.load().ended, [
      { ref: 'n', filter: undefined },
      { ref: 'm', filter: undefined },
    ]);
  });

  it('wants nothing at its end', () => {
    const store = new MemoryStore();
    store.saveWish(wish('n', 'a'));
    store.discard(new Error('the end'));
    assert.deepEqual(store.load().wishes, []);
  });

  it('gives the records by rising sequence, whatever order they came in', () => {
    const store = new MemoryStore();
    for (const sequence of [3, 1, 10, 2]) store.put(record(sequence));
    assert.deepEqual(
      store.load().outgoing.map(({ sequence }) => sequence),
      [1, 2, 3, 10],
    );
  });

  it('replaces the record of the same sequence', () => {
    const store = new MemoryStore();
    store.put(record(1));
    store.put(record(1, 'published'));
    assert.deepEqual(store.load().outgoing, [record(1, 'published')]);
  });

  it('removes a record; one that is not there does no harm', () => {
    const store = new MemoryStore();
    store.put(record(1));
    store.remove(1);
    store.remove(2);
    assert.deepEqual(store.load().outgoing, []);
  });

  it('keeps received ids, each once', () => {
    const store = new MemoryStore();
    for (const packetId of [5, 7, 5]) store.saveReceived({ packetId: id(packetId), fingerprint: 1 });
    store.removeReceived(id(5));
    store.removeReceived(id(6));
    assert.deepEqual(store.load().received, [{ packetId: 7, fingerprint: 1 }]);
  });

  it('keeps what was granted for each filter, the latest', () => {
    const store = new MemoryStore();
    const options = { qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 } as const;
    const [a, b] = ['a' as TopicFilter, 'b' as TopicFilter];
    for (const [filter, identifier] of [
      [a, 1],
      [b, 2],
      [a, 3],
    ] as const) {
      store.saveSubscription({ filter, identifier, options, granted: 1 });
    }
    store.removeSubscription(b);
    assert.deepEqual(store.load().subscriptions, [{ filter: a, identifier: 3, options, granted: 1 }]);
  });

  it('at its end tells who waits, and how many: not those whose outcome is known, and that only have to be completed', () => {
    const store = new MemoryStore();
    const told: unknown[] = [];
    const settle = (error: Error | undefined): void => void told.push(error);
    store.put({ ...record(1), settle });
    store.put({ ...record(2), settle, state: { step: 'abandoned', packetId: id(2), order: 1 } });
    const end = new Error('the end');
    assert.equal(store.discard(end), 1);
    assert.deepEqual(told, [end]);
  });

  it('answers with copies: who changes a loaded record changes nothing stored', () => {
    const store = new MemoryStore();
    store.put(record(1));
    const [loaded] = store.load().outgoing;
    Object.assign(loaded ?? {}, { state: { step: 'released', packetId: id(9) } });
    assert.deepEqual(store.load().outgoing, [record(1)]);
  });
});
