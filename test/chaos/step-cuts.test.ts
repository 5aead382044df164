import assert from 'node:assert/strict';
import { StepCuts, StepCutter } from './step-cuts.ts';
import type { ProtocolStep } from './steps.ts';

const PINGREQ = Buffer.from([0xc0, 0]);
const PUBACK = Buffer.from([0x40, 2, 0, 1]);
const STREAM = Buffer.concat([PINGREQ, PUBACK, PINGREQ]);
const STEP: ProtocolStep = { packet: 'puback', towards: 'client' };

describe('a cut at a step of the protocol', () => {
  for (const [spot, expected] of [
    ['before', 2],
    ['within', 4],
    ['behind', 6],
  ] as const) {
    it(`comes ${spot} the packet`, () => {
      const cuts = new StepCuts();
      cuts.arm(STEP, spot);
      assert.equal(new StepCutter(cuts, 'client').cutWithin(STREAM), expected);
      assert.deepEqual([cuts.done, cuts.waiting], [1, 0]);
    });
  }

  it('leaves the other direction alone', () => {
    const cuts = new StepCuts();
    cuts.arm(STEP, 'before');
    assert.equal(new StepCutter(cuts, 'server').cutWithin(STREAM), undefined);
    assert.equal(cuts.waiting, 1);
  });

  it('comes once', () => {
    const cuts = new StepCuts();
    cuts.arm(STEP, 'before');
    new StepCutter(cuts, 'client').cutWithin(STREAM);
    assert.equal(new StepCutter(cuts, 'client').cutWithin(STREAM), undefined);
  });

  it('behind a packet whose bytes come one by one lets all of them pass', () => {
    const cuts = new StepCuts();
    cuts.arm(STEP, 'behind');
    const cutter = new StepCutter(cuts, 'client');
    const passed = [...PUBACK].map((byte) => cutter.cutWithin(Buffer.of(byte)));
    assert.deepEqual(passed, [undefined, undefined, undefined, 1]);
  });
});
