import assert from 'node:assert/strict';
import { subscriptionConflicts } from '../../../../nodes/editor/subscription-conflicts.ts';

const SELF = { id: 'self', broker: 'one', topic: 'a/+', inputs: 0 };

describe('subscriptionConflicts', () => {
  it('names identical filters first, by the name of their node or else by the filter', () => {
    const others = [
      { id: '1', broker: 'one', topic: 'a/b', name: '' },
      { id: '2', broker: 'one', topic: 'a/+', name: 'Lamps' },
    ];
    assert.deepEqual(subscriptionConflicts(SELF, others), [
      { overlap: 'identical', name: 'Lamps', topic: 'a/+' },
      { overlap: 'overlapping', name: 'a/b', topic: 'a/b' },
    ]);
  });

  it('leaves out itself, other connections, dynamic nodes and invalid filters', () => {
    const others = [
      SELF,
      { id: '1', broker: 'two', topic: 'a/+' },
      { id: '2', broker: 'one', topic: 'a/+', inputs: 1 },
      { id: '3', broker: 'one', topic: '#/a' },
      { id: '4', broker: 'one' },
    ];
    assert.deepEqual(subscriptionConflicts(SELF, others), []);
  });

  it('says nothing while its own filter is invalid or no connection is chosen', () => {
    const others = [{ id: '1', broker: 'one', topic: '#' }];
    assert.deepEqual(subscriptionConflicts({ ...SELF, topic: 'a/#/b' }, others), []);
    assert.deepEqual(subscriptionConflicts({ ...SELF, broker: '' }, [{ id: '1', broker: '', topic: '#' }]), []);
  });
});
