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

  for (const end of ['flows:started', 'runtime-event'] as const) {
    it(`that comes while a deploy is under way is told in its turn behind it (${end})`, async () => {
      const scene = new Scene();
      const node = scene.open('first');
      scene.events.emit('flows:stopping');
      for (let index = 0; index < 300; index++) node.done(String(index));
      await nextTurn();
      assert.deepEqual(told, []);
      scene.events.emit(end, { id: 'runtime-state', payload: { error: 'missing-types' } });
      node.done('300');
      while (told.length <= 300) await nextTurn();
      assert.deepEqual(
        told,
        Array.from({ length: 301 }, (_, index) => `first: ${index}`),
      );
      node.done('at once');
      assert.equal(told.at(-1), 'first: at once');
    });
  }

  it('is told at once while a deploy is under way where it is a failure: it may be the end of Node-RED', () => {
    const scene = new Scene();
    const node = scene.open('first');
    scene.events.emit('flows:stopping');
    node.done('a', new Error('failed'));
    assert.deepEqual(told, ['first: a failed']);
  });

  it('waits on for a deploy that begins while those of the last one are told', async () => {
    const scene = new Scene();
    const node = scene.open('first');
    scene.events.emit('flows:stopping');
    for (let index = 0; index < 300; index++) node.done(String(index));
    scene.events.emit('flows:started');
    scene.events.emit('flows:stopping');
    await nextTurn();
    assert.deepEqual(told, []);
    scene.events.emit('flows:started');
    while (told.length < 300) await nextTurn();
  });

  it('waits at most 30 s for a deploy, whose end may never be told', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const scene = new Scene();
    const node = scene.open('first');
    scene.events.emit('flows:stopping');
    node.done('a');
    mock.timers.tick(29_999);
    await nextTurn();
    assert.deepEqual(told, []);
    mock.timers.tick(1);
    await nextTurn();
    assert.deepEqual(told, ['first: a']);
  });

  it('that cannot be told is a line in the log, and keeps nothing from the others', async () => {
    const scene = new Scene();
    const node = scene.open('first');
    scene.events.emit('flows:stopping');
    for (const payload of ['a', 'bad', 'b']) node.done(payload);
    scene.events.emit('flows:started');
    await nextTurn();
    assert.deepEqual(told, ['first: a', 'first: b']);
    assert.deepEqual(scene.log, ['MQTT: a message that is done could not be told: bad']);
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
    assert.equal(scene.outcomes.heard(fails), false);
    scene.open('second');
    assert.equal(scene.outcomes.heard(fails), true);
  });
});
