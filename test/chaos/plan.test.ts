import assert from 'node:assert/strict';
import { type FaultKind, plan, type Step } from './plan.ts';
import { PROTOCOL_STEPS, SPOTS } from './steps.ts';

const KINDS: readonly FaultKind[] = [
  'cut-bytes',
  'cut-step',
  'half-open',
  'trickle',
  'broker-restart',
  'broker-kill',
  'node-red-kill',
  'node-red-stop',
  'deploy',
  'disk-full',
  'store-damage',
];

function count(steps: readonly Step[], ...kinds: readonly FaultKind[]): number {
  return steps.filter(({ fault }) => kinds.includes(fault.kind)).length;
}

describe('the plan of the breaker', () => {
  it('is the same for the same seed, and another for another', () => {
    assert.deepEqual(plan(7, 3), plan(7, 3));
    assert.notDeepEqual(plan(7, 3), plan(8, 3));
  });

  it('is in the order of its times, and ends within them', () => {
    const times = plan(7, 3).map(({ at }) => at);
    assert.deepEqual(
      times,
      [...times].sort((one, other) => one - other),
    );
    assert.ok(times.every((at) => at >= 0 && at < 180_000));
  });

  it('has every kind of fault, however short it is', () => {
    const kinds = new Set(plan(7, 0.1).map(({ fault }) => fault.kind));
    assert.deepEqual(
      KINDS.filter((kind) => !kinds.has(kind)),
      [],
    );
  });

  it('has in 30 minutes as many as are asked for', () => {
    const steps = plan(1, 30);
    assert.ok(count(steps, 'cut-bytes', 'cut-step') >= 200);
    assert.ok(count(steps, 'node-red-kill') >= 30);
    assert.ok(count(steps, 'node-red-stop') >= 30);
    assert.ok(count(steps, 'broker-restart') >= 30);
    assert.ok(count(steps, 'broker-kill') >= 30);
    assert.ok(count(steps, 'deploy') >= 30);
  });

  it('cuts at every step of the protocol, in front of it, within and behind it', () => {
    const cuts = plan(1, 30).flatMap(({ fault }) => (fault.kind === 'cut-step' ? [fault] : []));
    const seen = new Set(cuts.map(({ step, spot }) => `${step.packet} ${step.towards} ${spot}`));
    assert.equal(seen.size, PROTOCOL_STEPS.length * SPOTS.length);
  });

  it('leaves out what it is told to, and changes nothing else by that', () => {
    const all = plan(7, 3).filter(({ fault }) => fault.kind !== 'disk-full');
    assert.deepEqual(plan(7, 3, new Set<FaultKind>(['disk-full'])), all);
  });
});
