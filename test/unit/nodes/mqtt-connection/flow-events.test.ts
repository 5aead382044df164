import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { type FlowListener, onFlows } from '../../../../nodes/mqtt-connection/flow-events.ts';

function noting(told: string[], name = ''): FlowListener {
  return {
    stopping: () => void told.push(`${name}stopping`),
    starting: () => void told.push(`${name}starting`),
    started: () => void told.push(`${name}started`),
    unstarted: () => void told.push(`${name}unstarted`),
    stopped: () => void told.push(`${name}stopped`),
  };
}

describe('who listens to the flows', () => {
  it('is told of each deploy until it ends that, and takes one listener however many listen', () => {
    const events = new EventEmitter();
    const told: string[] = [];
    const ends = [...Array(50).keys()].map(() => onFlows(events, noting(told)));
    for (const step of ['stopping', 'starting', 'started']) events.emit(`flows:${step}`);
    assert.deepEqual([told.indexOf('starting'), told.indexOf('started'), told.length], [50, 100, 150]);
    assert.deepEqual([events.listenerCount('flows:starting'), events.listenerCount('flows:started')], [1, 1]);
    for (const end of ends.slice(1)) end();
    events.emit('flows:started');
    assert.equal(told.length, 151);
  });

  it('is told which nodes a deploy makes anew as they are, and none at an end, which names the flows that run', () => {
    const events = new EventEmitter();
    const told: unknown[] = [];
    onFlows(events, { stopping: ({ isFull, keeps }) => void told.push([isFull, ...['a', 'b', 'c'].filter(keeps)]) });
    const config = (keepalive: number): object => ({
      flows: [
        { id: 'a', name: String(keepalive) },
        { id: 'b', keepalive },
      ],
    });
    const [first, second, third] = [config(1), config(2), config(2)];
    events.emit('flows:started', { config: first });
    events.emit('flows:stopping', { config: second, type: 'full' });
    // It does not start: a type is missing. The end names these flows then.
    events.emit('flows:stopping', { config: second, type: 'full' });
    events.emit('flows:stopping', { config: third, type: 'nodes' });
    events.emit('flows:started', { config: third });
    events.emit('flows:stopping', { config: third, type: 'full' });
    events.emit('flows:stopping', {});
    events.emit('flows:stopping');
    assert.deepEqual(told, [[true, 'a'], [true], [false, 'a', 'b'], [true], [false], [false]]);
  });

  const state = (payload: object): object => ({ id: 'runtime-state', payload });
  for (const [why, payload] of [
    ['a node type is missing', { state: 'stop', error: 'missing-types' }],
    ['a module is missing', { state: 'stop', error: 'missing-modules' }],
    ['Node-RED is in safe mode', { state: 'safe', error: 'safe-mode' }],
  ] as const) {
    it(`is told that nothing starts, because ${why}`, () => {
      const events = new EventEmitter();
      const told: string[] = [];
      onFlows(events, noting(told));
      events.emit('runtime-event', state(payload));
      assert.deepEqual(told, ['unstarted']);
    });
  }

  it('is not told so by what Node-RED says between the old nodes and the new ones, nor by anything else', () => {
    const events = new EventEmitter();
    const told: string[] = [];
    onFlows(events, noting(told));
    const others = [
      state({ state: 'stop', deploy: true }),
      state({ state: 'start' }),
      { id: 'x', payload: { error: 'x' } },
    ];
    for (const event of [...others, { id: 'runtime-state' }, undefined]) events.emit('runtime-event', event);
    assert.deepEqual(told, []);
  });

  it('is told that the flows have stopped for good, and not where a deploy goes on', () => {
    const events = new EventEmitter();
    const told: string[] = [];
    onFlows(events, noting(told));
    events.emit('runtime-event', state({ state: 'stop', deploy: true }));
    assert.deepEqual(told, []);
    events.emit('runtime-event', state({ state: 'stop', deploy: undefined }));
    assert.deepEqual(told, ['stopped']);
  });

  it('of another runtime is not told', () => {
    const [one, other] = [new EventEmitter(), new EventEmitter()];
    const told: string[] = [];
    onFlows(one, noting(told, 'one '));
    onFlows(other, noting(told, 'other '));
    other.emit('flows:started');
    assert.deepEqual(told, ['other started']);
  });
});
