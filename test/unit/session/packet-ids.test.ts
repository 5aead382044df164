import assert from 'node:assert/strict';
import { PacketIds } from '../../../src/session/packet-ids.ts';
import { id } from './fixture.ts';

describe('PacketIds [MQTT-2.2.1-3]', () => {
  it('begin at 1 and rise', () => {
    const ids = new PacketIds(() => 0);
    assert.deepEqual([ids.take(), ids.take(), ids.take()], [1, 2, 3]);
  });

  it('are not reused at once: a late acknowledgement meets nothing', () => {
    const ids = new PacketIds(() => 0);
    const first = ids.take() ?? assert.fail();
    ids.release(first);
    assert.equal(ids.take(), 2);
  });

  it('are all 65,535 different, then there is none, then those that were released', () => {
    const ids = new PacketIds(() => 0);
    const all = Array.from({ length: 65_535 }, () => ids.take());
    assert.equal(new Set(all).size, 65_535);
    assert.equal(all.includes(undefined), false);
    assert.deepEqual([Math.min(...all.map(Number)), Math.max(...all.map(Number))], [1, 65_535]);
    assert.equal(ids.take(), undefined);
    for (const free of [7, 65_535, 1]) ids.release(id(free));
    assert.deepEqual([ids.take(), ids.take(), ids.take(), ids.take()], [1, 7, 65_535, undefined]);
  });

  it('wrap around those that are in use', () => {
    const ids = new PacketIds(() => 0);
    for (let n = 1; n <= 65_535; n++) ids.take();
    for (let n = 2; n <= 65_534; n++) ids.release(id(n));
    assert.deepEqual([ids.take(), ids.take()], [2, 3]);
  });

  it('leave out what was claimed for a stored message', () => {
    const ids = new PacketIds(() => 0);
    ids.claim(id(1));
    ids.claim(id(3));
    assert.deepEqual([ids.take(), ids.take()], [2, 4]);
  });
});
