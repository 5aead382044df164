// Plays the client against a model of a Server, a link and flows in virtual time, one scenario per seed.
//   npm run simulate -- --seeds 10000 --from 1 --jobs 2     which promises are broken, by which seeds
//   npm run simulate -- --seed 42 --trace                   everything that happens in one of them
//   npm run simulate -- --seed 42 --shrink                  the same in as few steps as still break the promise
//   npm run simulate -- --seed 42 --json                    that as JSON, for test/simulation/found/
// --without kill,move   spares the scenarios these troubles (test/simulation/plan.ts names them all)
// --first N             stops when N seeds have failed
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../test/simulation');

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

async function replay(seed) {
  const what = values.json === true ? 'json' : values.shrink === true ? 'shrink' : 'trace';
  return ended(start('replay.ts', [seed, what, values.without], 'inherit'));
}

/** @returns the exit code: 1 if a seed failed. */
async function runAll() {
  const [seeds, from, jobs, first] = [values.seeds, values.from, values.jobs, values.first].map(Number);
  const startedAt = performance.now();
  const failures = [];
  const done = Array.from({ length: jobs }, () => 0);
  const workers = done.map((_, index) => {
    const count = Math.floor((seeds - index + jobs - 1) / jobs);
    return start('run.ts', [from + index, count, jobs, values.without], 'pipe');
  });
  const reports = workers.map(async (worker, index) => {
    for await (const line of createInterface({ input: worker.stdout })) {
      const report = JSON.parse(line);
      if (report.done === undefined) failures.push(report);
      else done[index] = report.done;
      if (failures.length >= first) for (const one of workers) one.kill();
    }
  });
  const codes = await Promise.all([...workers.map(ended), ...reports]);
  const seconds = (performance.now() - startedAt) / 1000;
  const total = done.reduce((sum, one) => sum + one, 0);
  console.log(
    `${total} seeds in ${seconds.toFixed(0)} s (${(total / seconds).toFixed(0)} a second), ${failures.length} failed`,
  );
  for (const [promise, broken] of grouped(failures)) {
    const examples = broken.slice(0, 5).map(({ seed }) => seed);
    console.log(`${String(broken.length).padStart(6)}  ${promise}: ${examples.join(' ')}`);
    console.log(`        ${broken[0].seed}: ${broken[0].what.split('\n', 3).join(' ')}`);
  }
  const crashed = failures.length < first && codes.some((code) => code !== 0 && code !== undefined);
  return failures.length > 0 || crashed ? 1 : 0;
}

function grouped(failures) {
  const groups = new Map();
  for (const failure of failures.toSorted((a, b) => a.seed - b.seed)) {
    groups.set(failure.promise, [...(groups.get(failure.promise) ?? []), failure]);
  }
  return [...groups].sort(([, a], [, b]) => b.length - a.length);
}

function start(file, args, stdout) {
  const command = ['--import', 'tsx', join(FOLDER, file), ...args.map(String)];
  return spawn(process.execPath, command, { stdio: ['ignore', stdout, 'inherit'] });
}

function ended(child) {
  return new Promise((resolve) => {
    child.once('close', (code) => resolve(code ?? 1));
  });
}
