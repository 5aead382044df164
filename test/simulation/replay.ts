/** Replays one seed, for `scripts/simulate.mjs`: `replay.ts <seed> <trace|shrink|json> [spared,troubles]`. */
import { plan, type Trouble } from './plan.ts';
import { shrink } from './shrink.ts';
import { play } from './world.ts';

const [seed = '1', what = 'trace', troubles = ''] = process.argv.slice(2);

void replay();

async function replay(): Promise<void> {
  const whole = plan(Number(seed), new Set(troubles.split(',') as Trouble[]));
  const scenario = what === 'trace' ? whole : await shrink(whole);
  const { violation, trace } = await play(scenario, true);
  if (what === 'json') return print(JSON.stringify({ promise: violation?.promise, scenario }));
  const { steps, ...setup } = scenario;
  print(JSON.stringify(setup));
  print(`${steps.length} steps`);
  print(trace.join('\n'));
  print(violation === undefined ? `seed ${seed} keeps every promise` : `seed ${seed} fails: ${violation.promise}`);
  process.exitCode = violation === undefined ? 0 : 1;
}

// A reader like `head` may stop early.
process.stdout.on('error', () => process.exit());

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
