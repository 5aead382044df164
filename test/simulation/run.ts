/**
 * Runs seeds in this process, for `scripts/simulate.mjs`: `run.ts <from> <count> <step> [spared,troubles]`. Prints a line
 * of JSON for each seed that fails, and one for every thousand that ran.
 */
import { plan, type Trouble } from './plan.ts';
import { play } from './world.ts';

const [from = 1, count = 1, step = 1] = process.argv.slice(2, 5).map(Number);
const spared = new Set((process.argv[5] ?? '').split(',') as Trouble[]);

/** Whoever started it: without it nobody hears what is found. */
const parent = process.ppid;

void run();

async function run(): Promise<void> {
  for (let done = 1; done <= count; done++) {
    if (process.ppid !== parent) return;
    const seed = from + (done - 1) * step;
    const { violation } = await play(plan(seed, spared));
    if (violation !== undefined) tell({ seed, ...violation });
    if (done % 1000 === 0 || done === count) tell({ done });
  }
}

function tell(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
