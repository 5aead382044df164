import assert from 'node:assert/strict';
import { KeepAlive } from '../../../src/connection/keep-alive.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Keep Alive over a peer that is described by `answers`; notes the moments of pings, and of the end. */
function scene(answers = true): {
  readonly clock: FakeClock;
  readonly keepAlive: KeepAlive;
  readonly pings: number[];
  readonly deaths: number[];
  /** Whether the network does not take all that was written. */
  readonly network: { blocked: boolean };
} {
  const clock = new FakeClock(0);
  const pings: number[] = [];
  const deaths: number[] = [];
  const network = { blocked: false };
  const keepAlive = new KeepAlive(clock, {
    ping: () => {
      pings.push(clock.now());
      keepAlive.sent(0);
      if (answers) keepAlive.received();
    },
    dead: () => deaths.push(clock.now()),
    blocked: () => network.blocked,
  });
  return { clock, keepAlive, pings, deaths, network };
}

/** Calls `act` every `step` milliseconds, `times` times. */
function every(clock: FakeClock, step: number, times: number, act: () => void): void {
  for (let n = 0; n < times; n++) {
    clock.advance(step);
    act();
  }
}

describe('KeepAlive', () => {
  it('of 0 does nothing, ever', () => {
    const { clock, keepAlive, pings, deaths } = scene();
    keepAlive.start(0);
    clock.advance(100_000_000);
    assert.deepEqual([pings, deaths, clock.armed], [[], [], 0]);
  });

  it('pings an idle connection within its time, every time [MQTT-3.1.2-20]', () => {
    const { clock, keepAlive, pings, deaths } = scene();
    keepAlive.start(60);
    clock.advance(600_000);
    assert.deepEqual(deaths, []);
    assert.ok(pings.length >= 10);
    const gaps = pings.map((at, index) => at - (pings[index - 1] ?? 0));
    assert.ok(
      gaps.every((gap) => gap < 60_000),
      gaps.join(),
    );
  });

  for (const seconds of [1, 2, 10, 60, 600, 65_535]) {
    it(`of ${seconds} s never lets ${seconds} s pass without a packet, however little time is left for it [MQTT-3.1.2-22]`, () => {
      const { clock, keepAlive, pings, deaths } = scene();
      keepAlive.start(seconds);
      clock.advance(seconds * 10_000);
      const gaps = pings.map((at, index) => at - (pings[index - 1] ?? 0));
      assert.ok(pings.length >= 10 && Math.max(...gaps) <= seconds * 750, gaps.join());
      assert.deepEqual(deaths, []);
    });
  }

  it('pings a client that only receives [MQTT-3.1.2-20]', () => {
    const { clock, keepAlive, pings, deaths } = scene(false);
    keepAlive.start(10);
    every(clock, 1000, 60, () => keepAlive.received());
    const gaps = pings.map((at, index) => at - (pings[index - 1] ?? 0));
    assert.ok(pings.length >= 6 && Math.max(...gaps) < 10_000, gaps.join());
    assert.deepEqual(deaths, []);
  });

  it('notices a dead peer when the client only sends', () => {
    const { clock, keepAlive, pings, deaths } = scene(false);
    keepAlive.start(10);
    every(clock, 1000, 30, () => keepAlive.sent(0));
    assert.deepEqual([pings, deaths], [[7500], [17_500]]);
  });

  it('does not ping while both directions are busy', () => {
    const { clock, keepAlive, pings } = scene();
    keepAlive.start(10);
    every(clock, 1000, 100, () => {
      keepAlive.sent(0);
      keepAlive.received();
    });
    assert.deepEqual(pings, []);
  });

  it('ends a silent connection once, half of its time after a PINGREQ [MQTT-3.12.4-1]', () => {
    const { clock, keepAlive, pings, deaths } = scene(false);
    keepAlive.start(40);
    clock.advance(1_000_000);
    assert.deepEqual([pings, deaths], [[30_000], [50_000]]);
    assert.equal(clock.armed, 0);
  });

  it('of 1 s gives the answer ten seconds to come over a slow link, and goes on sending in its time [MQTT-3.1.2-20]', () => {
    const { clock, keepAlive, pings, deaths } = scene(false);
    keepAlive.start(1);
    clock.advance(10_749);
    assert.deepEqual(deaths, []);
    const gaps = pings.map((at, index) => at - (pings[index - 1] ?? 0));
    assert.ok(pings.length >= 10 && Math.max(...gaps) <= 750, gaps.join());
    clock.advance(1);
    assert.deepEqual(deaths, [10_750]);
  });

  it('does not call a peer dead that takes a large message slowly, however long that takes', () => {
    const { clock, keepAlive, deaths, network } = scene(false);
    keepAlive.start(10);
    network.blocked = true;
    every(clock, 5000, 100, () => keepAlive.progressed());
    assert.deepEqual(deaths, []);
    clock.advance(10_000);
    assert.deepEqual(deaths, [510_000], 'and notices when it takes nothing any more');
  });

  it('does not heap up PINGREQs behind what the network does not take', () => {
    const { clock, keepAlive, pings, network } = scene(false);
    keepAlive.start(2);
    network.blocked = true;
    every(clock, 1000, 100, () => keepAlive.progressed());
    assert.equal(pings.length, 1);
  });

  describe('while nothing is read by our own choice', () => {
    it('pings in its time, and does not take the silence for a dead peer', () => {
      const { clock, keepAlive, pings, deaths } = scene(false);
      keepAlive.start(10);
      keepAlive.unheard();
      clock.advance(1_000_000);
      const gaps = pings.map((at, index) => at - (pings[index - 1] ?? 0));
      assert.ok(pings.length >= 100 && Math.max(...gaps) <= 7500, gaps.join());
      assert.deepEqual(deaths, []);
    });

    it('a network that takes nothing is dead all the same', () => {
      const { clock, keepAlive, deaths, network } = scene(false);
      keepAlive.start(10);
      keepAlive.unheard();
      network.blocked = true;
      clock.advance(1_000_000);
      assert.deepEqual(deaths, [17_500]);
    });

    it('what comes after it has the whole answer time', () => {
      const { clock, keepAlive, deaths } = scene(false);
      keepAlive.start(10);
      keepAlive.unheard();
      clock.advance(100_000);
      keepAlive.heard();
      clock.advance(9999);
      assert.deepEqual(deaths, []);
      clock.advance(20_000);
      assert.equal(deaths.length, 1, 'and a real silence is noticed afterwards');
    });
  });

  it('waits at most 30 s for an answer, however long its time is', () => {
    const { clock, keepAlive, deaths } = scene(false);
    keepAlive.start(3600);
    clock.advance(3_600_000);
    assert.deepEqual(deaths, [3600 * 750 + 30_000]);
  });

  it('takes any bytes for a sign of life: the PINGRESP may be behind a large packet', () => {
    const { clock, keepAlive, deaths } = scene(false);
    keepAlive.start(10);
    clock.advance(7500);
    every(clock, 1000, 100, () => keepAlive.received());
    assert.deepEqual(deaths, []);
  });

  it('does not take a stalled event loop for a dead peer when the answer lies in the socket', () => {
    const { clock, keepAlive, deaths } = scene(false);
    keepAlive.start(2);
    clock.advance(1500);
    clock.stall(10_000, () => keepAlive.received());
    clock.advance(0);
    assert.deepEqual(deaths, []);
    clock.advance(60_000);
    assert.equal(deaths.length, 1, 'and notices a real silence afterwards');
  });

  it('does not take a stall before its PINGREQ for a dead peer', () => {
    const { clock, keepAlive, pings, deaths } = scene();
    keepAlive.start(2);
    clock.stall(100_000, () => undefined);
    assert.deepEqual([pings.length, deaths], [1, []]);
  });

  it('finds a peer dead after a stall when nothing lies in the socket', () => {
    const { clock, keepAlive, deaths } = scene(false);
    keepAlive.start(2);
    clock.advance(1500);
    clock.stall(10_000, () => undefined);
    assert.equal(deaths.length, 1);
  });

  it('gives what lies in the buffers of a slow network the time to arrive before it takes the peer for dead', () => {
    const { clock, keepAlive, deaths } = scene(false);
    keepAlive.start(60);
    // 4 MiB that the system took at once and that leave with 80 kB a second; the PINGREQ stands behind them.
    keepAlive.sent(4 * 1024 * 1024);
    clock.advance(45_000 + 52_000);
    assert.deepEqual(deaths, []);
    keepAlive.received();
    clock.advance(45_000 + 31_000);
    assert.equal(deaths.length, 1, 'once it was heard, what was sent before needs no time any more');
  });

  it('stopped, it leaves no timer and says nothing, also between its deadline and the judgement', () => {
    const { clock, keepAlive, deaths } = scene(false);
    keepAlive.start(2);
    clock.advance(1500);
    clock.stall(10_000, () => keepAlive.stop());
    clock.advance(1_000_000);
    assert.deepEqual([deaths, clock.armed], [[], 0]);
  });

  it('has one timer, whatever comes and goes', () => {
    const { clock, keepAlive } = scene();
    keepAlive.start(10);
    every(clock, 100, 1000, () => {
      keepAlive.sent(0);
      keepAlive.received();
    });
    assert.equal(clock.armed, 1);
  });
});
