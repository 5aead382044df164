import { access, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MqttError, systemCodeOf, textOf } from '../protocol/errors.ts';
import type { Clock } from '../util/clock.ts';
import { deferred } from '../util/deferred.ts';
import type { Database } from './medium.ts';

/** Milliseconds between two tries to open what another process has, and how many follow the first. */
const TRY_TIME = 100;
const MOST_TRIES = 20;

/** A later version wrote the database. */
export class OtherVersion extends Error {}

/** Where the database of a folder is. */
export function pathIn(folder: string): string {
  return join(folder, 'session');
}

/** The file by which LevelDB knows a database; what it has of one without is not to be read any more. */
function currentIn(folder: string): string {
  return join(pathIn(folder), 'CURRENT');
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whether there is none for sure: what the system does not let us see may be there. */
export async function lacksDatabase(folder: string): Promise<boolean> {
  return access(currentIn(folder)).then(
    () => false,
    (error: unknown) => systemCodeOf(error) === 'ENOENT',
  );
}

export async function openDatabase(folder: string, { createIfMissing = true } = {}): Promise<Database> {
  // Here, so that a system without a binary of it loses the disk, and not the nodes.
  const { ClassicLevel: Level } = await import('classic-level');
  const database = new Level<string, Buffer>(pathIn(folder), {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    createIfMissing,
  });
  await database.open();
  return database;
}

/** The same, as soon as nobody else has it, if that is soon: whoever only looks is through in a moment. */
export async function openWhenFree(folder: string, clock: Clock): Promise<Database> {
  for (let left = MOST_TRIES; ; left--) {
    try {
      return await openDatabase(folder);
    } catch (error) {
      if (!isLocked(error) || left === 0) throw error;
    }
    await passed(clock, TRY_TIME);
  }
}

function passed(clock: Clock, milliseconds: number): Promise<void> {
  const { promise, resolve } = deferred<void>();
  clock.timer(milliseconds, resolve);
  return promise;
}

/** What cannot be read as a whole is set aside, and a new session begins: never deleted, and never in the way. */
export async function setAside(folder: string, report: (problem: MqttError) => void, clock: Clock): Promise<void> {
  const aside = `${pathIn(folder)}.unreadable-${clock.wall()}`;
  await rename(pathIn(folder), aside);
  const text = `the session in ${folder} cannot be read: it stays in ${aside}, a new one begins`;
  report(new MqttError('store-failed', text));
}

/** LevelDB would begin a new database among the files of one whose CURRENT is missing, and delete them. */
export async function lacksCurrent(folder: string): Promise<boolean> {
  const files = await readdir(pathIn(folder)).catch((): string[] => []);
  return !files.includes('CURRENT') && files.some((file) => /\.(?:ldb|log)$/.test(file));
}

/**
 * Whether the database will never be readable. What the system refuses is no damage: a disk without space, a process with
 * too many files, a file that it may not open. That passes, and the messages are there.
 */
export async function isDamaged(error: unknown, folder: string): Promise<boolean> {
  if (error instanceof OtherVersion || codeOf(error) === 'LEVEL_CORRUPTION') return true;
  if (codeOf(error) !== 'LEVEL_IO_ERROR') return false;
  // LevelDB does not tell a file that is gone from one that cannot be opened.
  return isShort(error) || (await lacksManifest(folder));
}

/** A table that ends before its end: LevelDB has it in memory, and asks for what is behind it. */
function isShort(error: unknown): boolean {
  return why(error).endsWith('.ldb: Invalid argument');
}

/** Whether CURRENT names a file that is not there. Where one of them cannot be looked at, nobody knows. */
async function lacksManifest(folder: string): Promise<boolean> {
  try {
    const files = await readdir(pathIn(folder));
    const named = await readFile(currentIn(folder), 'utf8');
    return !files.includes(named.trim());
  } catch {
    return false;
  }
}

/**
 * A file that says that the received ids on disk are those of the session. A process that goes on without the disk cannot
 * write that the Server has one back: the next process would take another message under it for a repetition, and lose it.
 * To take a file away needs no space.
 */
function trustIn(folder: string): string {
  return join(folder, 'received-ids-hold');
}

export async function trust(folder: string): Promise<void> {
  await writeFile(trustIn(folder), '');
}

/** As far as that can be: where it cannot, nothing can be said. */
export async function distrust(folder: string): Promise<void> {
  await rm(trustIn(folder), { force: true }).catch(() => undefined);
}

export async function isTrusted(folder: string): Promise<boolean> {
  const files = await readdir(folder);
  return files.includes(basename(trustIn(folder)));
}

function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return systemCodeOf(cause) || systemCodeOf(error);
}

/** Whether another process has the database, to use it or to look at it. */
export function isLocked(error: unknown): boolean {
  return codeOf(error) === 'LEVEL_LOCKED';
}

export function why(error: unknown): string {
  if (isLocked(error)) return 'another process uses it';
  const cause = error instanceof Error ? error.cause : undefined;
  return textOf(cause ?? error);
}
