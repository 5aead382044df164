import assert from 'node:assert/strict';
import { brokenPromises, incoming, outgoing } from './ledger.ts';

const NAME = 'stream';

describe('the ledger of the long run', () => {
  it('finds nothing where each message arrived once, in order, and was told as done', () => {
    const entry = outgoing(NAME, true, { accepted: 3, done: [0, 1, 2], failed: [] }, [0, 1, 2]);
    assert.deepEqual(brokenPromises(entry), []);
  });

  it('a message told as failed is not owed', () => {
    const entry = outgoing(NAME, true, { accepted: 2, done: [0], failed: [1] }, [0]);
    assert.deepEqual([brokenPromises(entry), entry.failed], [[], 1]);
  });

  it('a message told as done that did not arrive is lost, and a lie', () => {
    const entry = outgoing(NAME, true, { accepted: 2, done: [0, 1], failed: [] }, [0]);
    assert.deepEqual(brokenPromises(entry), [`${NAME}: 1 lost`, `${NAME}: 1 told as done that did not arrive`]);
  });

  it('a message of which nothing was told is a broken promise, even if it arrived', () => {
    const entry = outgoing(NAME, true, { accepted: 1, done: [], failed: [] }, [0]);
    assert.deepEqual(brokenPromises(entry), [`${NAME}: of 1 nothing was told`]);
  });

  it('a second arrival and a late one count where the session is kept at QoS 2', () => {
    const owed = new Set([0, 1, 2]);
    const exact = incoming(NAME, true, [0, 1, 2], owed, [0, 2, 1, 2]);
    assert.deepEqual(brokenPromises(exact), [`${NAME}: 1 came twice`, `${NAME}: 1 came out of order`]);
    assert.deepEqual(brokenPromises({ ...exact, exact: false }), []);
  });

  it('what was owed and never arrived is lost, what was not owed is not', () => {
    const entry = incoming(NAME, false, [0, 1, 2], new Set([0, 1]), [0]);
    assert.deepEqual(brokenPromises(entry), [`${NAME}: 1 lost`]);
  });
});
