import assert from 'node:assert/strict';
import type { SessionStore, TopicName } from '../../../../src/index.ts';
import { SessionStores } from '../../../../nodes/mqtt-connection/session-stores.ts';

/** Puts one message into the session; what its sender is told. */
function waiting(store: SessionStore): (Error | undefined)[] {
  const told: (Error | undefined)[] = [];
  store.save({
    sequence: 1,
    message: { topic: 'a' as TopicName, payload: Buffer.from('x'), qos: 1, retain: false, properties: undefined },
    expiresAt: undefined,
    state: { step: 'queued' },
    settle: (error) => void told.push(error),
  });
  return told;
}

describe('the session of a connection', () => {
  it('that did not come back in a deploy ends with it, and who waits is told', () => {
    const stores = new SessionStores();
    const told = waiting(stores.of('c'));
    stores.left('c');
    assert.equal(stores.prune(), 1);
    assert.match(String(told[0]), /removed before the broker had the message/);
    assert.equal(stores.prune(), 0);
  });

  it('that came back goes on, also when the earlier object of the node ends only then', () => {
    const stores = new SessionStores();
    const store = stores.of('c');
    const told = waiting(store);
    assert.equal(stores.of('c'), store);
    stores.left('c');
    assert.equal(stores.prune(), 0);
    assert.deepEqual(told, []);
  });

  it('ends when its node is removed', () => {
    const stores = new SessionStores();
    const told = waiting(stores.of('c'));
    assert.equal(stores.remove('c'), 1);
    assert.equal(told.length, 1);
  });
});
