import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Spread } from '../../../../nodes/mqtt-connection/spread.ts';

const unexpected = (error: unknown): never => assert.fail(String(error));

describe('calls that are spread over turns of the event loop', () => {
  it('are made in their order, each once, and not all in one turn', async () => {
    const spread = new Spread(unexpected);
    const made: number[] = [];
    for (let call = 0; call < 1000; call++) spread.add(() => made.push(call));
    assert.equal(made.length, 0);
    await nextTurn();
    assert.ok(made.length > 0 && made.length < 1000, `${made.length} calls in the first turn`);
    await spread.idle();
    assert.deepEqual(made, [...Array(1000).keys()]);
  });

  it('may add others, which are made too', async () => {
    const spread = new Spread(unexpected);
    const made: string[] = [];
    spread.add(() => {
      made.push('outer');
      spread.add(() => made.push('inner'));
    });
    await spread.idle();
    assert.deepEqual(made, ['outer', 'inner']);
  });

  it('go on after one that throws, which is told', async () => {
    const failed: unknown[] = [];
    const spread = new Spread((error) => failed.push(error));
    const made: string[] = [];
    spread.add(() => {
      throw new Error('first');
    });
    spread.add(() => made.push('second'));
    await spread.idle();
    assert.deepEqual(made, ['second']);
    assert.deepEqual(failed.map(String), ['Error: first']);
  });

  it('are over at once where there are none', async () => {
    await new Spread(unexpected).idle();
  });
});
