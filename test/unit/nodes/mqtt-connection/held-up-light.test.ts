import assert from 'node:assert/strict';
import { mock } from 'node:test';
import type { FlowCounts } from '../../../../nodes/mqtt-connection/flow-counts.ts';
import { HeldUpLight } from '../../../../nodes/mqtt-connection/held-up-light.ts';

function counts(oldest: number): FlowCounts {
  return { inFlow: 1, oldest, waiting: 0, late: 0, again: 0, dropped: 0 };
}

describe('The light of what is held up by a flow', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
  afterEach(() => mock.timers.reset());

  interface Scene {
    readonly light: HeldUpLight;
    isHeldUp: boolean;
    oldest: number;
    changes: number;
  }

  function lit(): Scene {
    const scene: Scene = {
      isHeldUp: true,
      oldest: 5,
      changes: 0,
      light: new HeldUpLight({
        isHeldUp: () => scene.isHeldUp,
        flows: () => [counts(0), counts(scene.oldest)],
        changed: () => (scene.changes += 1),
      }),
    };
    return scene;
  }

  it('is on while a message has been in the flow for five seconds, and nothing more comes for it', () => {
    const scene = lit();
    scene.light.begin();
    scene.light.begin();
    mock.timers.tick(999);
    assert.deepEqual([scene.light.isOn, scene.changes], [false, 0]);
    mock.timers.tick(3001);
    assert.deepEqual([scene.light.isOn, scene.changes], [true, 1]);
    scene.isHeldUp = false;
    mock.timers.tick(1000);
    assert.deepEqual([scene.light.isOn, scene.changes], [false, 2]);
  });

  it('is not on where the flows go on: that they have as much as they may is no news', () => {
    const scene = lit();
    scene.oldest = 4;
    scene.light.begin();
    mock.timers.tick(10_000);
    assert.deepEqual([scene.light.isOn, scene.changes], [false, 0]);
  });

  it('looks no more when it ended', () => {
    const scene = lit();
    scene.light.begin();
    scene.light.end();
    mock.timers.tick(10_000);
    assert.equal(scene.changes, 0);
  });
});
