import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs a program to its end; what it prints as an error is shown.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ signal: AbortSignal, cwd?: string, shell?: boolean }} options `signal` ends the program
 * @throws {Error} when it cannot be started, fails, or is ended
 */
export async function run(program, args, options) {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code, by] = await once(child, 'exit');
  options.signal.throwIfAborted();
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended ${endOf(code, by)}`);
}

/** How a process ended, as the end of a sentence. */
export function endOf(code, by) {
  return by === null ? `with exit code ${code}` : `by ${by}`;
}
