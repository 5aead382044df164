import assert from 'node:assert/strict';
import { mock } from 'node:test';
import {
  type Failures,
  type Outbox,
  OutboxLight,
  waitingText,
  withOutbox,
} from '../../../../nodes/mqtt-connection/outbox-light.ts';

function waiting(oldest: number | undefined, messages = 3): Outbox {
  return { messages, bytes: 600, oldest };
}

describe('What is shown of the outbox', () => {
  it('is nothing while nothing waits, or not for long', () => {
    for (const outbox of [undefined, waiting(undefined, 0), waiting(1999)]) {
      assert.equal(waitingText(outbox, { dropped: 3 }), undefined);
    }
  });

  it('is how many wait, and how long the first has', () => {
    const ages: readonly (readonly [number, string])[] = [
      [2000, '2 s'],
      [119_999, '119 s'],
      [120_000, '2 min'],
      [7_199_999, '119 min'],
      [7_200_000, '2 h'],
      [172_799_999, '47 h'],
      [172_800_000, '2 d'],
    ];
    for (const [oldest, age] of ages) assert.equal(waitingText(waiting(oldest), {}), `3 waiting (${age})`);
  });

  it('is what did not wait to the end, and why', () => {
    const failures = { expired: 2, dropped: 1, 'outbox-full': 7, 'publish-rejected': 9 };
    assert.equal(waitingText(waiting(5000), failures), '3 waiting (5 s), 7 refused, 1 dropped, 2 expired');
  });

  it('stands behind the state of the connection, in words that need no translation', () => {
    const connected = { fill: 'green', shape: 'dot', text: 'node-red:common.status.connected' } as const;
    assert.equal(withOutbox(connected, undefined), connected);
    assert.deepEqual(withOutbox(connected, 'x'), { fill: 'yellow', shape: 'dot', text: 'connected, x' });
    const refused = { fill: 'red', shape: 'ring', text: 'connection refused' } as const;
    assert.deepEqual(withOutbox(refused, 'x'), { ...refused, text: 'connection refused, x' });
  });
});

describe('The light of the outbox', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  interface Scene {
    readonly light: OutboxLight;
    looks: number;
    changes: number;
    outbox: Outbox;
  }

  function lit(nodes: number): Scene {
    const scene: Scene = {
      looks: 0,
      changes: 0,
      outbox: waiting(undefined, 0),
      light: new OutboxLight({
        outbox: () => {
          scene.looks += 1;
          return scene.outbox;
        },
        failures: (): Failures => ({}),
        nodes: () => nodes,
        changed: () => (scene.changes += 1),
      }),
    };
    return scene;
  }

  it('changes when what it shows does, and no more often than once a second', () => {
    const scene = lit(1);
    scene.light.begin();
    scene.light.begin();
    scene.outbox = waiting(3000);
    mock.timers.tick(999);
    assert.deepEqual([scene.looks, scene.changes], [0, 0]);
    mock.timers.tick(1);
    assert.deepEqual([scene.looks, scene.changes, scene.light.text], [1, 1, '3 waiting (3 s)']);
    mock.timers.tick(1000);
    assert.deepEqual([scene.looks, scene.changes], [2, 1]);
    scene.outbox = waiting(undefined, 0);
    mock.timers.tick(1000);
    assert.deepEqual([scene.changes, scene.light.text], [2, undefined]);
  });

  it('looks more seldom where very many nodes show it', () => {
    const scene = lit(1000);
    scene.light.begin();
    mock.timers.tick(9999);
    assert.equal(scene.looks, 0);
    mock.timers.tick(1);
    assert.equal(scene.looks, 1);
  });

  it('looks no more when it ended', () => {
    const scene = lit(1);
    scene.light.begin();
    scene.light.end();
    mock.timers.tick(10_000);
    assert.equal(scene.looks, 0);
  });
});
