import { spawn } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../util/clock.ts';
import { exists, pathIn } from './database.ts';

/** Milliseconds that a check may take; a database that takes longer is opened without. */
const LONGEST_CHECK = 20_000;

/** Reads every record. What it cannot read in an ordinary way is for who opens the database. */
const READ = `
const { ClassicLevel } = require(process.argv[1]);
const database = new ClassicLevel(process.argv[2], { valueEncoding: 'buffer', createIfMissing: false });
(async () => {
  await database.open();
  for await (const _ of database.iterator());
  await database.close();
})().catch(() => process.exit(1));
`;

/** A file that is there while a process has the database: behind one that ended without a goodbye it may be damaged. */
function markIn(folder: string): string {
  return join(folder, 'in-use');
}

/** From now on, until {@link leave}, this process has the database. As far as that can be said: a disk may be full. */
export async function enter(folder: string): Promise<void> {
  await writeFile(markIn(folder), '').catch(() => undefined);
}

export async function leave(folder: string): Promise<void> {
  await rm(markIn(folder), { force: true }).catch(() => undefined);
}

/**
 * Whether the process ends that reads the database: LevelDB aborts it where a block says nonsense, as behind a power cut,
 * and nothing in the process can stop that. So another process reads it first, where the last one did not leave it in
 * order.
 */
export async function endsItsReader(folder: string, clock: Clock): Promise<boolean> {
  if (!(await exists(markIn(folder))) || !(await exists(pathIn(folder)))) return false;
  const level = require.resolve('classic-level');
  const env = { ...process.env, NODE_OPTIONS: '' };
  const reader = spawn(process.execPath, ['-e', READ, level, pathIn(folder)], { stdio: 'ignore', env });
  return new Promise((resolve) => {
    const timer = clock.timer(LONGEST_CHECK, () => reader.kill('SIGKILL'));
    // Where there can be no other process, there is no check.
    reader.once('error', () => end(false));
    reader.once('exit', (code, signal) => end(signal === null ? code !== 0 && code !== 1 : signal !== 'SIGKILL'));

    function end(isEnded: boolean): void {
      timer.cancel();
      resolve(isEnded);
    }
  });
}
