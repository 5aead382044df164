import { unlinkSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../util/clock.ts';
import { deferred } from '../util/deferred.ts';
import { exists, pathIn } from './database.ts';
import { readDatabases, type Reading } from './database-reader.ts';

/** Databases that one process is asked to read. */
const MOST_AT_ONCE = 250;

/** A database that is to be read by another process, and who asked. */
interface Check {
  readonly folder: string;
  /** Told whether it ends who reads it. */
  readonly tell: (endsItsReader: boolean) => void;
}

/** Those whose turn has not come. */
const waiting: Check[] = [];
let isChecking = false;

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

/** The same, where the process has no other turn. */
export function leaveAtOnce(folder: string): void {
  try {
    unlinkSync(markIn(folder));
  } catch {
    // It is not there, or stays: then the next process looks once more.
  }
}

/**
 * Whether the process ends that reads the database: LevelDB aborts it where a block says nonsense, as behind a power cut,
 * and nothing in the process can stop that. So another process reads it first, where the last one did not leave it in
 * order. Twice, and only what LevelDB itself does counts: a process ends for many reasons, and the database is whole.
 */
export async function endsItsReader(folder: string, clock: Clock): Promise<boolean> {
  if (!(await exists(markIn(folder))) || !(await exists(pathIn(folder)))) return false;
  const { promise, resolve } = deferred<boolean>();
  waiting.push({ folder, tell: resolve });
  // With all that are asked for in this turn: to begin a process takes longer than to read many databases.
  if (!isChecking) clock.afterIo(() => void checkAll(clock));
  isChecking = true;
  return promise;
}

/** It never rejects. One process at a time, or many connections would have all the machine for theirs. */
async function checkAll(clock: Clock): Promise<void> {
  while (waiting.length > 0) {
    const left = await checkSome(waiting.splice(0, MOST_AT_ONCE), clock);
    waiting.unshift(...left);
  }
  isChecking = false;
}

/** @returns those for which another process is needed. */
async function checkSome(checks: readonly Check[], clock: Clock): Promise<readonly Check[]> {
  const { begun, done, isAborted } = await read(checks, clock);
  const [suspect, ...left] = checks.slice(done);
  if (suspect === undefined) return [];
  if (begun === 0) {
    // Where there can be no other process, there is no check.
    for (const { tell } of checks) tell(false);
    return [];
  }
  if (begun === done) return [suspect, ...left];
  suspect.tell(isAborted && isDeadly(await read([suspect], clock)));
  return left;
}

function isDeadly({ begun, done, isAborted }: Reading): boolean {
  return isAborted && begun > done;
}

function read(checks: readonly Check[], clock: Clock): Promise<Reading> {
  const paths = checks.map(({ folder }) => pathIn(folder));
  return readDatabases(paths, clock, (index) => checks[index]?.tell(false));
}
