import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { unlinkSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../util/clock.ts';
import { exists, pathIn } from './database.ts';

/** Milliseconds that a check may take; a database that takes longer is opened without. */
const LONGEST_CHECK = 5_000;

/** Checks at once: each is a process, and there may be many connections. */
const LANES = 4;

/** How LevelDB ends a process, besides an assertion, where what it has in memory is not what it was. */
const CRASHES: ReadonlySet<string | null> = new Set(['SIGSEGV', 'SIGBUS', 'SIGILL']);

/**
 * Says that it begins, and reads every record. What it cannot read in an ordinary way is for who opens the database. It
 * ends with the process that began it, whatever ends that.
 */
const READ = `
process.stdin.resume().on('end', () => process.exit(2)).on('error', () => process.exit(2));
const { ClassicLevel } = require(process.argv[1]);
const database = new ClassicLevel(process.argv[2], { valueEncoding: 'buffer', createIfMissing: false });
process.stdout.write('begun', async () => {
  try {
    await database.open();
    for await (const _ of database.iterator());
    await database.close();
    process.exit(0);
  } catch {
    process.exit(1);
  }
});
`;

/** What became of a process that reads a database. */
interface Reading {
  readonly begun: boolean;
  readonly signal: string | null;
  readonly words: string;
}

const lanes: Promise<unknown>[] = Array.from({ length: LANES }, () => Promise.resolve());
let next = 0;

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
  return inLane(async () => isDeadly(await read(folder, clock)) && isDeadly(await read(folder, clock)));
}

function inLane<T>(work: () => Promise<T>): Promise<T> {
  next = (next + 1) % LANES;
  const turn = (lanes[next] ?? Promise.resolve()).then(work);
  lanes[next] = turn.catch(() => undefined);
  return turn;
}

function isDeadly({ begun, signal, words }: Reading): boolean {
  return begun && (CRASHES.has(signal) || /assertion/i.test(words));
}

async function read(folder: string, clock: Clock): Promise<Reading> {
  const reading = { begun: false, signal: null as string | null, words: '' };
  try {
    const reader = start(folder);
    reader.stdout.on('data', () => (reading.begun = true));
    reader.stderr.on('data', (words) => (reading.words += String(words).slice(0, 1000)));
    reader.stdin.on('error', () => undefined);
    const timer = clock.timer(LONGEST_CHECK, () => reader.kill('SIGKILL'));
    reading.signal = await new Promise((resolve) => {
      reader.once('error', () => resolve(null));
      reader.once('close', (_code, signal) => resolve(signal));
    });
    timer.cancel();
  } catch {
    // Where there can be no other process, there is no check.
  }
  return reading;
}

function start(folder: string): ChildProcessWithoutNullStreams {
  const env = { ...process.env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1' };
  return spawn(process.execPath, ['-e', READ, require.resolve('classic-level'), pathIn(folder)], { env });
}
