import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Node, NodeAPI } from 'node-red';
import { Outcomes } from '../../../../nodes/mqtt-connection/outcomes.ts';

/** What nodes told their flow, as `node: payload`, or `node: payload failed`. */
let told: string[] = [];

class FlowNode {
  readonly id = 'out';
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  _complete(msg: { payload: string }, error?: unknown): void {
    if (msg.payload === 'bad') throw new Error('bad');
    told.push(`${this.name}: ${msg.payload}${error === undefined ? '' : ' failed'}`);
  }

  error(error: Error): void {
    told.push(`${this.name} logs: ${error.message}`);
  }
}

class Scene {
  readonly events = new EventEmitter();
  readonly log: string[] = [];
  readonly outcomes = new Outcomes();
  /** The node of the id that runs now. */
  running: unknown = null;

  constructor() {
    const { events, log } = this;
    this.outcomes.listen({ events, log: { error: (text: string) => log.push(text) } } as unknown as NodeAPI);
  }

  /** A node that runs from now on, and what closes it. */
  open(name: string): { done: (payload: string, error?: Error) => void; close: () => void } {
    const node = new FlowNode(name);
    this.running = node;
    const close = this.outcomes.open(node as unknown as Node, () => this.running);
    return { done: (payload, error) => node._complete({ payload }, error), close };
  }
}

describe('the outcome of a message', () => {
  beforeEach(() => (told = []));
  afterEach(() => mock.timers.reset());

  it('is told by its node at once', () => {
    const node = new Scene().open('first');
    node.done('a');
    node.done('b', new Error('failed'));
    assert.deepEqual(told, ['first: a', 'first: b failed']);
  });

  it('is told by the node that took the place of a closed one', () => {
    const scene = new Scene();
    const first = scene.open('first');
    first.close();
    scene.open('second');
    first.done('a');
    first.done('b', new Error('failed'));
    assert.deepEqual(told, ['second: a', 'second: b failed']);
  });

  it('is told by the closed node where no other one, or one of another kind, has its place', () => {
    const scene = new Scene();
    const node = scene.open('first');
    node.close();
    for (const running of [null, undefined, new FlowNode('another kind')]) {
      scene.running = running;
      node.done('a');
    }
    assert.deepEqual(told, ['first: a', 'first: a', 'first: a']);
  });

  it('is told at once by a node that a deploy leaves alone, however long others take to close', () => {
    const scene = new Scene();
    const node = scene.open('first');
    scene.events.emit('flows:stopping');
    node.done('a');
    node.done('b', new Error('failed'));
    assert.deepEqual(told, ['first: a', 'first: b failed']);
  });

  for (const end of ['flows:started', 'runtime-event'] as const) {
    it(`of a node that a deploy closed is told behind it, in its turn, by the one in its place (${end})`, async () => {
      const scene = new Scene();
      const node = scene.open('first');
      scene.events.emit('flows:stopping');
      node.close();
      for (let index = 0; index < 300; index++)
        node.done(String(index), index === 150 ? new Error('failed') : undefined);
      scene.open('second');
      await nextTurn();
      assert.deepEqual(told, []);
      scene.events.emit(end, { id: 'runtime-state', payload: { error: 'missing-types' } });
      await nextTurn();
      assert.ok(told.length > 0 && told.length < 300, `${told.length} in a turn`);
      while (told.length < 300) await nextTurn();
      assert.deepEqual(
        told,
        Array.from({ length: 300 }, (_, index) => `second: ${index}${index === 150 ? ' failed' : ''}`),
      );
    });
  }

  it('of a node that does not come back is told behind the deploy: to its flow, or where it failed to the log', async () => {
    const scene = new Scene();
    const node = scene.open('first');
    scene.events.emit('flows:stopping');
    node.close();
    scene.running = null;
    node.done('a');
    node.done('b', new Error('failed'));
    scene.events.emit('flows:started');
    await nextTurn();
    assert.deepEqual(told, ['first: a', 'first logs: failed']);
  });

  it('that failed is in the log when the flows are stopped and not started: it may be the end of Node-RED', async () => {
    const scene = new Scene();
    const node = scene.open('first');
    scene.events.emit('flows:stopping');
    node.close();
    node.done('a');
    node.done('b', new Error('failed'));
    scene.events.emit('runtime-event', { id: 'runtime-state', payload: { state: 'stop', deploy: true } });
    assert.deepEqual(told, [], 'a deploy goes on');
    scene.events.emit('runtime-event', { id: 'runtime-state', payload: { state: 'stop' } });
    assert.deepEqual(told, ['first logs: failed']);
    scene.open('second');
    scene.events.emit('flows:started');
    await nextTurn();
    assert.deepEqual(told, ['first logs: failed', 'second: a']);
  });

  it('waits at most 30 s for a deploy, whose end may never be told', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const scene = new Scene();
    const node = scene.open('first');
    scene.events.emit('flows:stopping');
    node.close();
    node.done('a');
    mock.timers.tick(29_999);
    await nextTurn();
    assert.deepEqual(told, []);
    mock.timers.tick(1);
    await nextTurn();
    assert.equal(told.length, 1);
  });

  it('that cannot be told is a line in the log, and keeps nothing from the others', async () => {
    const scene = new Scene();
    const node = scene.open('first');
    scene.events.emit('flows:stopping');
    node.close();
    for (const payload of ['a', 'bad', 'b']) node.done(payload);
    scene.open('second');
    scene.events.emit('flows:started');
    await nextTurn();
    assert.deepEqual(told, ['second: a', 'second: b']);
    assert.deepEqual(scene.log, ['MQTT: what became of a message could not be told: bad']);
  });

  it('was heard where a node that is there told it, and only then', () => {
    const scene = new Scene();
    const node = scene.open('first');
    const fails = (): void => node.done('a', new Error('failed'));
    assert.equal(scene.outcomes.heard(fails), true);
    // Another package's node is told by a callback of its own.
    assert.equal(
      scene.outcomes.heard(() => undefined),
      false,
    );
    node.close();
    scene.running = null;
    assert.equal(scene.outcomes.heard(fails), false);
    scene.open('second');
    assert.equal(scene.outcomes.heard(fails), true);
    scene.running = null;
    scene.events.emit('flows:stopping');
    assert.equal(scene.outcomes.heard(fails), true, 'it will be');
  });
});
