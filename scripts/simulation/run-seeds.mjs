import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * Plays the seeds `from` to `from + seeds - 1` in `jobs` processes.
 * @param root the checkout whose client and simulation are played.
 * @param without names of troubles, with commas, that the scenarios are spared.
 * @param enough told all failures so far, after each: true ends the run.
 * @returns the failures by rising seed, each {seed, promise, what, at}; how many seeds were played, and whether a process
 *   ended by itself, with the seconds that it all took.
 */
export async function runSeeds({ root, seeds, from, jobs, without, enough }) {
  const startedAt = performance.now();
  const failures = [];
  let stopped = false;
  const parts = Array.from({ length: jobs }, (_, index) => {
    const count = Math.floor((seeds - index + jobs - 1) / jobs);
    return { done: 0, process: play(root, 'run.ts', [from + index, count, jobs, without], 'pipe') };
  });
  const stop = () => {
    stopped = true;
    for (const part of parts) part.process.kill();
  };
  const codes = await Promise.all(parts.map((part) => follow(part, failures, () => enough(failures) && stop())));
  return {
    failures: failures.toSorted((a, b) => a.seed - b.seed),
    played: parts.reduce((sum, { done }) => sum + done, 0),
    crashed: !stopped && codes.some((code) => code !== 0),
    seconds: (performance.now() - startedAt) / 1000,
  };
}

async function follow(part, failures, failed) {
  const over = ended(part.process);
  for await (const line of createInterface({ input: part.process.stdout })) {
    const report = JSON.parse(line);
    if (report.done !== undefined) part.done = report.done;
    else {
      failures.push(report);
      failed();
    }
  }
  return over;
}

/** Starts a program of `test/simulation/` in the checkout `root`. */
export function play(root, program, args, stdout) {
  const command = ['--import', 'tsx', join(root, 'test/simulation', program), ...args.map(String)];
  return spawn(process.execPath, command, { cwd: root, stdio: ['ignore', stdout, 'inherit'] });
}

/** Resolves with the exit code of a process, 1 if a signal ended it. */
export function ended(child) {
  return new Promise((resolve) => {
    child.once('close', (code) => resolve(code ?? 1));
  });
}
