import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { plan, type Scenario } from './plan.ts';
import { play } from './world.ts';

const FOUND = join(__dirname, 'found');

/** Of seeds that nobody chose; `npm run simulate` plays as many as one likes. */
const FIRST = 5000;
const SEEDS = 5000;
const AT_ONCE = 500;

describe('a whole client in virtual time', () => {
  for (let from = FIRST; from < FIRST + SEEDS; from += AT_ONCE) {
    it(`keeps every promise in the scenarios of the seeds ${from} to ${from + AT_ONCE - 1}`, async () => {
      for (let seed = from; seed < from + AT_ONCE; seed++) {
        const { violation } = await play(plan(seed));
        assert.equal(violation, undefined, `npm run simulate -- --seed ${seed} --shrink`);
      }
    });
  }

  it('plays a seed twice in the same way', async () => {
    const [first, second] = [await play(plan(FIRST), true), await play(plan(FIRST), true)];
    assert.deepEqual(first.trace, second.trace);
    assert.ok(first.trace.length > 0);
  });
});

describe('what a seed once broke', () => {
  for (const file of readdirSync(FOUND)) {
    it(basename(file, '.json').replaceAll('-', ' '), async () => {
      const { scenario } = JSON.parse(readFileSync(join(FOUND, file), 'utf8')) as { readonly scenario: Scenario };
      assert.equal((await play(scenario)).violation, undefined);
    });
  }
});
