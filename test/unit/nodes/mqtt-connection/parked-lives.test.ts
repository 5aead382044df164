import assert from 'node:assert/strict';
import type { ConnectionLife } from '../../../../nodes/mqtt-connection/connection-life.ts';
import type { Essence } from '../../../../nodes/mqtt-connection/connection-settings.ts';
import type { Stop } from '../../../../nodes/mqtt-connection/flow-events.ts';
import { ParkedLives } from '../../../../nodes/mqtt-connection/parked-lives.ts';
import { settle } from '../../../support/events.ts';
import { type Deferred, deferred } from '../../../../src/util/deferred.ts';

const ESSENCE = {} as Essence;
const DEPLOY: Stop = { isFull: true, keeps: () => true };
const END: Stop = { isFull: true, keeps: () => false };

interface Scene {
  readonly parked: ParkedLives;
  /** What happened. */
  readonly events: string[];
  /** A connection that ends when it is told to. */
  readonly life: (fits?: boolean) => { readonly life: ConnectionLife; readonly ends: Deferred<void> };
}

function scene(): Scene {
  const events: string[] = [];
  const parked = new ParkedLives((error) => events.push(String(error)));
  return {
    parked,
    events,
    life: (fits = true) => {
      const ends = deferred<void>();
      const end = (removed: boolean): Promise<void> => {
        events.push(removed ? 'removed' : 'closed');
        return ends.promise;
      };
      return { life: { isFor: () => fits, end } as unknown as ConnectionLife, ends };
    },
  };
}

describe('a connection that waits for its next node', () => {
  it('does so in a deploy alone: else it is closed with its node', () => {
    const { parked, life } = scene();
    assert.equal(parked.park('c', life().life), false);
    parked.stopping(END);
    assert.equal(parked.park('c', life().life), false);
    parked.stopping(DEPLOY);
    assert.equal(parked.park('c', life().life), true);
  });

  it('is the next one’s where that says the same, and no one else’s', () => {
    const { parked, life, events } = scene();
    parked.stopping(DEPLOY);
    const one = life().life;
    parked.park('c', one);
    assert.equal(parked.take('other', ESSENCE), undefined);
    assert.equal(parked.take('c', ESSENCE), one);
    assert.equal(parked.take('c', ESSENCE), undefined, 'once');
    parked.started();
    assert.deepEqual(events, []);
  });

  it('ends where the next one says something else, which that has to wait for', async () => {
    const { parked, life, events } = scene();
    parked.stopping(DEPLOY);
    const { life: one, ends } = life(false);
    parked.park('c', one);
    assert.equal(parked.take('c', ESSENCE), undefined);
    let isOver = false;
    void parked.ending('c')?.then(() => (isOver = true));
    await settle();
    assert.deepEqual([events, isOver], [['closed'], false]);
    ends.resolve();
    await settle();
    assert.deepEqual([events, isOver, parked.ending('c')], [['closed'], true, undefined]);
  });

  for (const how of ['started', 'unstarted', 'stopped'] as const) {
    it(`ends where the deploy is over without a next one (${how})`, () => {
      const { parked, life, events } = scene();
      parked.stopping(DEPLOY);
      parked.park('c', life().life);
      parked[how]();
      // Where nothing was started, it may come yet: its session stays.
      assert.deepEqual(events, [how === 'started' ? 'removed' : 'closed']);
      assert.equal(parked.park('c', life().life), false, 'and the deploy is over');
    });
  }

  it('ends behind an earlier one of its node that is still ending', async () => {
    const { parked, life } = scene();
    const ends = [0, 1].map(() => {
      parked.stopping(DEPLOY);
      const { life: one, ends: end } = life(false);
      parked.park('c', one);
      parked.take('c', ESSENCE);
      return end;
    });
    let isOver = false;
    void parked.ending('c')?.then(() => (isOver = true));
    ends[1]?.resolve();
    await settle();
    assert.equal(isOver, false);
    ends[0]?.resolve();
    await settle();
    assert.equal(isOver, true);
  });

  it('that fails at its end is told, and keeps nobody waiting', async () => {
    const { parked, life, events } = scene();
    parked.stopping(DEPLOY);
    const { life: one, ends } = life(false);
    parked.park('c', one);
    parked.take('c', ESSENCE);
    ends.reject(new Error('the disk'));
    await parked.ending('c');
    assert.deepEqual(events, ['closed', 'Error: the disk']);
  });
});
