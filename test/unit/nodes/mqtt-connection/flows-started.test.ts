import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { onFlowsStarted } from '../../../../nodes/mqtt-connection/flows-started.ts';

describe('who waits for the flows to start', () => {
  it('is told each time until it ends that, and takes one listener however many wait', () => {
    const events = new EventEmitter();
    const told: number[] = [];
    const ends = [...Array(50).keys()].map((index) => onFlowsStarted(events, () => told.push(index)));
    events.emit('flows:started');
    assert.equal(told.length, 50);
    assert.equal(events.listenerCount('flows:started'), 1);
    for (const end of ends.slice(1)) end();
    events.emit('flows:started');
    assert.equal(told.length, 51);
  });

  it('of another runtime is not told', () => {
    const [one, other] = [new EventEmitter(), new EventEmitter()];
    const told: string[] = [];
    onFlowsStarted(one, () => told.push('one'));
    onFlowsStarted(other, () => told.push('other'));
    other.emit('flows:started');
    assert.deepEqual(told, ['other']);
  });
});
