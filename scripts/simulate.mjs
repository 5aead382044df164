// Plays the client against a model of a Server, a link and flows in virtual time, one scenario per seed.
//   npm run simulate -- --seeds 10000 --from 1 --jobs 2     which promises are broken, by which seeds
//   npm run simulate -- --seed 42 --trace                   everything that happens in one of them
//   npm run simulate -- --seed 42 --shrink                  the same in as few steps as still break the promise
//   npm run simulate -- --seed 42 --json                    that as JSON, for test/simulation/found/
// --without kill,move   spares the scenarios these troubles (test/simulation/plan.ts names them all)
// --first N             stops when N seeds have failed
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ended, play, runSeeds } from './simulation/run-seeds.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const EXAMPLES = 5;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    first: { type: 'string', default: 'Infinity' },
    without: { type: 'string', default: '' },
    seed: { type: 'string' },
    trace: { type: 'boolean' },
    shrink: { type: 'boolean' },
    json: { type: 'boolean' },
  },
});

process.exitCode = values.seed === undefined ? await runAll() : await replay(values.seed);

function replay(seed) {
  const what = values.json === true ? 'json' : values.shrink === true ? 'shrink' : 'trace';
  return ended(play(ROOT, 'replay.ts', [seed, what, values.without], 'inherit'));
}

/** @returns the exit code: 1 if a seed failed. */
async function runAll() {
  const [seeds, from, jobs, first] = [values.seeds, values.from, values.jobs, values.first].map(Number);
  const enough = ({ length }) => length >= first;
  const { failures, played, crashed, seconds } = await runSeeds({
    root: ROOT,
    seeds,
    from,
    jobs,
    without: values.without,
    enough,
  });
  console.log(
    `${played} seeds in ${seconds.toFixed(0)} s (${(played / seconds).toFixed(0)} a second), ${failures.length} failed`,
  );
  for (const [promise, broken] of grouped(failures)) print(promise, broken);
  return failures.length > 0 || crashed ? 1 : 0;
}

function print(promise, broken) {
  const [{ seed, what }] = broken;
  const examples = broken.slice(0, EXAMPLES).map((one) => one.seed);
  console.log(`${String(broken.length).padStart(6)}  ${promise}: ${examples.join(' ')}`);
  console.log(`        ${seed}: ${what.split('\n', 3).join(' ')}`);
}

function grouped(failures) {
  const groups = new Map();
  for (const failure of failures) groups.set(failure.promise, [...(groups.get(failure.promise) ?? []), failure]);
  return [...groups].sort(([, a], [, b]) => b.length - a.length);
}
