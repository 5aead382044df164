// Proves that the simulation sees: plants each mutant of test/simulation/mutants/ in a copy of src/, plays seeds until one
// of the promises that the mutant breaks is seen broken, and fails unless every mutant is found.
//   node scripts/mutants.mjs [--jobs 2] [--seeds 100000] [name ...]
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runSeeds } from './simulation/run-seeds.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MUTANTS = join(ROOT, 'test/simulation/mutants');

const { values, positionals } = parseArgs({
  options: { jobs: { type: 'string', default: '2' }, seeds: { type: 'string', default: '100000' } },
  allowPositionals: true,
});

const names = readdirSync(MUTANTS)
  .map((file) => basename(file, '.json'))
  .filter((name) => positionals.length === 0 || positionals.includes(name));
for (const name of names) if (!(await isFound(name))) process.exitCode = 1;

async function isFound(name) {
  const mutant = JSON.parse(readFileSync(join(MUTANTS, `${name}.json`), 'utf8'));
  const root = mkdtempSync(join(tmpdir(), 'posthorn-mutant-'));
  try {
    plant(root, mutant);
    return report(name, mutant, await hunt(root, mutant));
  } catch (error) {
    console.log(`${mutant.finding.padEnd(8)} ${name}: NOT PLANTED: ${error.message}`);
    return false;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function plant(root, { edits }) {
  for (const part of [
    'src',
    'test/simulation',
    'test/support',
    'package.json',
    'tsconfig.json',
    'tsconfig.base.json',
  ]) {
    cpSync(join(ROOT, part), join(root, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  for (const edit of edits) change(join(root, edit.file), edit);
}

/** A text that is not there exactly once is not the code that the mutant was made for. */
function change(path, { file, from, to }) {
  const text = readFileSync(path, 'utf8');
  const parts = text.split(from);
  if (parts.length !== 2)
    throw new Error(`${file} has this ${parts.length - 1} times, a mutant needs it once:\n${from}`);
  writeFileSync(path, parts.join(to));
}

/** `first`: the seed to begin with, where the sequence that shows the mutant is rare. */
function hunt(root, { promises, without = '', first = 1 }) {
  const isOne = ({ promise }) => promises.includes(promise);
  const [seeds, jobs] = [Number(values.seeds), Number(values.jobs)];
  return runSeeds({ root, seeds, from: first, jobs, without, enough: (failures) => failures.some(isOne) });
}

function report(name, { finding, promises }, { failures, played, seconds }) {
  const found = failures.find(({ promise }) => promises.includes(promise));
  const where =
    found === undefined
      ? `NOT FOUND in ${played} seeds`
      : `found by seed ${found.seed}: ${found.what.split('\n', 1)[0]}`;
  console.log(`${finding.padEnd(8)} ${name} (${seconds.toFixed(0)} s): ${where}`);
  return found !== undefined;
}
