import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../util/clock.ts';
import { deferred } from '../util/deferred.ts';

/** Milliseconds that a process may take until it begins, and then for each database; one that takes longer is opened without. */
const LONGEST_CHECK = 5_000;

/** Milliseconds that it may take to end when it is killed. */
const LONGEST_END = 1_000;

/** Characters of what a process says in words: the last, which tell how it ended. */
const LONGEST_WORDS = 4_000;

/** How LevelDB ends a process, besides an assertion, where what it has in memory is not what it was. */
const CRASHES: ReadonlySet<string | null> = new Set(['SIGSEGV', 'SIGBUS', 'SIGILL']);

/**
 * Reads every record of each database, and says when it begins with one and when it is done. What it cannot read in an
 * ordinary way is for who opens the database. It ends with the process that began it, whatever ends that, also while a
 * read hangs: it is killed, as an exit would wait for the read.
 */
const READ = `
const { ClassicLevel } = require(process.argv[1]);
const end = () => process.kill(process.pid, 'SIGKILL');
const say = (word) => new Promise((resolve) => process.stdout.write(word + '\\n', resolve));
let asked = '';
process.stdin.setEncoding('utf8').on('end', end).on('error', end).on('data', (text) => {
  asked += text;
  if (asked.endsWith('\\n')) readAll(JSON.parse(asked)).then(() => process.exit(0), () => process.exit(1));
});
async function readAll(paths) {
  for (const path of paths) {
    await say('begun');
    await read(new ClassicLevel(path, { valueEncoding: 'buffer', createIfMissing: false }));
    await say('done');
  }
}
async function read(database) {
  try {
    await database.open();
    for await (const _ of database.iterator());
  } catch {}
  await database.close().catch(() => undefined);
}
`;

/** How far a process came that reads databases, one after another, and how it ended. */
export interface Reading {
  readonly begun: number;
  readonly done: number;
  /** As LevelDB ends a process; a process ends for many other reasons. */
  readonly isAborted: boolean;
}

/**
 * Reads databases in another process. Where there can be none, nothing is read.
 * @param isRead called for each that was read, with its place among them.
 */
export async function readDatabases(
  paths: readonly string[],
  clock: Clock,
  isRead: (index: number) => void,
): Promise<Reading> {
  const reader = spawnReader();
  if (reader === undefined) return { begun: 0, done: 0, isAborted: false };
  const { promise: ended, resolve: end } = deferred<string | null>();
  // First of all: where this process may open no more files, that one has no streams either.
  reader.once('error', () => end(null)).once('close', (_code, signal) => end(signal));
  const kill = (): void => {
    reader.kill('SIGKILL');
    // One that waits for a disk may not end before that answers.
    timer = clock.timer(LONGEST_END, () => end(null));
  };
  let timer = clock.timer(LONGEST_CHECK, kill);
  let said = '';
  let words = '';
  let done = 0;
  reader.stdout?.on('data', (text) => {
    timer.cancel();
    timer = clock.timer(LONGEST_CHECK, kill);
    said += String(text);
    for (; done < count(said, 'done'); done++) isRead(done);
  });
  reader.stderr?.on('data', (text) => (words = (words + String(text)).slice(-LONGEST_WORDS)));
  // It may be gone before it has read what it is asked.
  reader.stdin?.on('error', () => undefined).write(`${JSON.stringify(paths)}\n`);
  const signal = await ended;
  timer.cancel();
  letGoOf(reader);
  return { begun: count(said, 'begun'), done, isAborted: CRASHES.has(signal) || /assertion/i.test(words) };
}

/** One that does not end when it is killed is nobody's any more: neither it nor what it says later keeps this process. */
function letGoOf(reader: ChildProcess): void {
  reader.unref();
  for (const stream of [reader.stdin, reader.stdout, reader.stderr]) stream?.destroy();
}

function count(text: string, word: string): number {
  return text.split(word).length - 1;
}

/** undefined: the system refused it at once. */
function spawnReader(): ChildProcess | undefined {
  const env = { ...process.env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1' };
  try {
    return spawn(process.execPath, ['-e', READ, require.resolve('classic-level')], { env });
  } catch {
    return undefined;
  }
}
