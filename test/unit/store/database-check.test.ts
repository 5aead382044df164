import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { endsItsReader } from '../../../src/store/database-check.ts';
import { DiskStore } from '../../../src/store/disk-store.ts';
import { type Clock, systemClock, type Timer } from '../../../src/util/clock.ts';
import { settle, until, within } from '../../support/events.ts';
import { record } from './contract.ts';
import { zeroedDatabase } from './zeroed-database.ts';

/**
 * A reader that does what the name of each folder says, and writes down what it was asked; `two` is there where another
 * one ran meanwhile.
 */
const SCRIPTED = `
const { appendFileSync, existsSync, mkdirSync, rmdirSync, writeFileSync, writeSync } = require('node:fs');
const { basename, dirname, join } = require('node:path');
const here = __dirname;
let asked = '';
process.stdin.on('data', (text) => {
  asked += text;
  if (asked.endsWith('\\n')) run(JSON.parse(asked).map((path) => basename(dirname(path))));
});
function run(names) {
  try {
    mkdirSync(join(here, 'running'));
    process.on('exit', () => rmdirSync(join(here, 'running')));
  } catch {
    writeFileSync(join(here, 'two'), '');
  }
  appendFileSync(join(here, 'asked'), JSON.stringify(names) + '\\n');
  for (const name of names) {
    const isAgain = existsSync(join(here, name, 'seen'));
    writeFileSync(join(here, name, 'seen'), '');
    if (name.startsWith('silent')) process.exit(3);
    if (name === 'aborts-then-early' && isAgain) abort();
    writeSync(1, 'begun\\n');
    if (name === 'aborts' || (name.startsWith('aborts') && !isAgain)) abort();
    if (name === 'aborts-then-fails') process.exit(1);
    if (name === 'fails') process.exit(1);
    if (name === 'hangs') return;
    writeSync(1, 'done\\n');
    if (name === 'leaves') process.exit(3);
  }
  process.exit(0);
}
function abort() {
  writeSync(2, 'Assertion failed');
  process.exit(134);
}
`;

describe('endsItsReader', () => {
  let root: string;

  beforeEach(async function () {
    root = await mkdtemp(join(tmpdir(), 'posthorn-check-'));
    if (process.platform === 'win32') this.skip();
  });
  afterEach(async () => {
    await until(() => !process.getActiveResourcesInfo().includes('ProcessWrap'), 'the end of each reader');
    await settle();
    await rm(root, { recursive: true, force: true });
  });

  /** A folder that a process left without a goodbye. */
  async function leftBehind(name: string): Promise<string> {
    const folder = join(root, name);
    await mkdir(join(folder, 'session'), { recursive: true });
    await writeFile(join(folder, 'in-use'), '');
    return folder;
  }

  describe('with a reader that does what it is told', () => {
    const { execPath } = process;

    beforeEach(async () => {
      const program = join(root, 'reader');
      await writeFile(`${program}.cjs`, SCRIPTED);
      await writeFile(program, `#!/bin/sh\nexec '${execPath}' "$0.cjs"\n`, { mode: 0o700 });
      process.execPath = program;
    });
    afterEach(() => (process.execPath = execPath));

    /** What each process was asked to read. */
    async function asked(): Promise<readonly (readonly string[])[]> {
      const lines = (await readFile(join(root, 'asked'), 'utf8')).trim().split('\n');
      return lines.map((line) => JSON.parse(line) as string[]);
    }

    /** Asks for these in their order, and in the same turn. */
    async function askFor(names: readonly string[], more: Partial<Clock> = {}): Promise<readonly boolean[]> {
      let begin = (): void => undefined;
      const clock: Clock = { ...systemClock, afterIo: (run) => (begin = run), ...more };
      const answers: Promise<boolean>[] = [];
      for (const name of names) {
        answers.push(endsItsReader(await leftBehind(name), clock));
        await settle();
      }
      begin();
      return Promise.all(answers);
    }

    it('has all that are asked for at once read by one process', async () => {
      assert.deepEqual(await askFor(['a', 'b', 'c']), [false, false, false]);
      assert.deepEqual(await asked(), [['a', 'b', 'c']]);
    });

    it('has one process at a time, for no more than some hundred', async () => {
      const folders = await Promise.all(Array.from({ length: 600 }, (_, index) => leftBehind(`c${index}`)));
      const answers = await Promise.all(folders.map((folder) => endsItsReader(folder, systemClock)));
      assert.ok(answers.every((isDeadly) => !isDeadly));
      const lengths = (await asked()).map(({ length }) => length);
      assert.equal(
        lengths.reduce((sum, length) => sum + length),
        600,
      );
      assert.ok(lengths.length <= 6, `${lengths.join()} are few processes`);
      assert.ok(Math.max(...lengths) <= 250, `${lengths.join()} are not too many at once`);
      assert.ok(!existsSync(join(root, 'two')));
    });

    it('has one that LevelDB aborts read alone once more, and the rest by another process', async () => {
      assert.deepEqual(await askFor(['a', 'aborts', 'b', 'c']), [false, true, false, false]);
      assert.deepEqual(await asked(), [['a', 'aborts', 'b', 'c'], ['aborts'], ['b', 'c']]);
    });

    for (const once of ['aborts-then-reads', 'aborts-then-fails', 'aborts-then-early']) {
      it(`takes one that is aborted once for whole, and goes on: one that ${once}`, async () => {
        assert.deepEqual(await askFor(['a', once, 'aborts']), [false, false, true]);
        assert.deepEqual(await asked(), [['a', once, 'aborts'], [once], ['aborts'], ['aborts']]);
      });
    }

    it('takes one at which the process ends otherwise for whole at once, and goes on', async () => {
      assert.deepEqual(await askFor(['a', 'fails', 'aborts']), [false, false, true]);
      assert.deepEqual(await asked(), [['a', 'fails', 'aborts'], ['aborts'], ['aborts']]);
    });

    it('goes on where a process ends between two', async () => {
      assert.deepEqual(await askFor(['a', 'leaves', 'aborts']), [false, false, true]);
      assert.deepEqual(await asked(), [['a', 'leaves', 'aborts'], ['aborts'], ['aborts']]);
    });

    it('takes all for whole where the process ends before it begins: the next would too', async () => {
      assert.deepEqual(await askFor(['silent', 'a', 'silent-too']), [false, false, false]);
      assert.deepEqual(await asked(), [['silent', 'a', 'silent-too']]);
    });

    for (const [why, program] of [
      ['there is none', 'nothing'],
      ['the system refuses it at once', 'a\0b'],
    ] as const) {
      it(`takes all for whole where there can be no process: ${why}`, async () => {
        process.execPath = join(root, program);
        assert.deepEqual(await askFor(['a', 'b']), [false, false]);
      });
    }

    it('has each take five seconds of its own, and takes one that takes more for whole', async () => {
      const armed = new Map<number, { delay: number; fire: () => void }>();
      let count = 0;
      const timer = (delay: number, fire: () => void): Timer => {
        const number = (count += 1);
        armed.set(number, {
          delay,
          fire: () => {
            armed.delete(number);
            fire();
          },
        });
        return { cancel: () => void armed.delete(number) };
      };
      const answers = askFor(['a', 'hangs', 'aborts'], { timer });
      await until(() => existsSync(join(root, 'hangs/seen')) && count > 1, 'it hangs');
      await settle();
      const [current, ...more] = armed.values();
      assert.deepEqual([current?.delay, more.length, armed.has(1)], [5000, 0, false]);
      current?.fire();
      assert.deepEqual(await answers, [false, false, true]);
      assert.equal(armed.size, 0);
      assert.deepEqual(await asked(), [['a', 'hangs', 'aborts'], ['aborts'], ['aborts']]);
    });
  });

  /** The same with a database in it. */
  async function kept(name: string): Promise<string> {
    const folder = join(root, name);
    const store = await DiskStore.open(folder, { report: () => undefined });
    store.put(record(1));
    await store.close();
    return leftBehind(name);
  }

  /** One that cannot be read, in an ordinary way. */
  async function garbage(name: string): Promise<string> {
    const folder = await kept(name);
    for (const file of await readdir(join(folder, 'session')))
      await writeFile(join(folder, 'session', file), 'garbage');
    return folder;
  }

  it('finds the database that LevelDB aborts its reader at among others, whole and not', async () => {
    await zeroedDatabase(join(root, 'zeroed'));
    const folders = [await kept('whole'), await garbage('odd'), await leftBehind('zeroed'), await kept('behind')];
    const answers = await Promise.all(folders.map((folder) => endsItsReader(folder, systemClock)));
    assert.deepEqual(answers, [false, false, true, false]);
  });

  it('needs no other process behind a database that cannot be read in an ordinary way', async () => {
    const folders = await Promise.all(Array.from({ length: 12 }, (_, index) => garbage(`c${index}`)));
    const { execPath } = process;
    const program = join(root, 'reader');
    await writeFile(program, `#!/bin/sh\necho begun >> "$0.log"\nexec '${execPath}' "$@"\n`, { mode: 0o700 });
    process.execPath = program;
    try {
      await Promise.all(folders.map((folder) => endsItsReader(folder, systemClock)));
    } finally {
      process.execPath = execPath;
    }
    const { length } = (await readFile(`${program}.log`, 'utf8')).trim().split('\n');
    assert.ok(length <= 4, `${length} are few`);
  });

  it('lets go of each as soon as it says so', async () => {
    const folders = await Promise.all(Array.from({ length: 30 }, (_, index) => kept(`c${index}`)));
    const stores = await Promise.all(folders.map((folder) => DiskStore.open(folder, { report: () => undefined })));
    for (const store of stores) await store.close();
  });

  const CHECK = pathToFileURL(join(__dirname, '../../../src/store/database-check.ts')).href;
  const CLOCK = pathToFileURL(join(__dirname, '../../../src/util/clock.ts')).href;

  /** The arguments of a process that has `check`, and does this. */
  const running = (work: string): string[] => [
    '--import=tsx',
    '--input-type=module',
    '-e',
    `import { endsItsReader } from ${JSON.stringify(CHECK)};
    import { systemClock } from ${JSON.stringify(CLOCK)};
    const check = (folder) => endsItsReader(folder, systemClock);
    ${work}`,
  ];

  it('leaves no reader behind when its process is killed, even one that hangs', async () => {
    const folder = await kept('c');
    await rm(join(folder, 'session/CURRENT'));
    // It hangs in the read of it.
    execFileSync('mkfifo', [join(folder, 'session/CURRENT')]);
    const program = join(root, 'reader');
    await writeFile(program, `#!/bin/sh\necho $$ > "$0.pid"\nexec '${process.execPath}' "$@"\n`, { mode: 0o700 });
    const work = `process.execPath = ${JSON.stringify(program)}; await check(${JSON.stringify(folder)});`;
    const beginner = spawn(process.execPath, running(work), { stdio: 'ignore' });
    const log = join(folder, 'session/LOG.old');
    await until(() => existsSync(log) && existsSync(`${program}.pid`), 'it reads', 15_000);
    const pid = Number(await readFile(`${program}.pid`, 'utf8'));
    beginner.kill('SIGKILL');
    await until(() => !isRunning(pid), 'its end');
  });

  it('lets its process end beside a reader that it gave up, and that cannot be killed', async () => {
    const folder = await leftBehind('c');
    const program = join(root, 'reader');
    await writeFile(program, '#!/bin/sh\necho $$ > "$0.pid"\nexec sleep 600\n', { mode: 0o700 });
    const work = `
      import { ChildProcess } from 'node:child_process';
      ChildProcess.prototype.kill = () => false;
      process.execPath = ${JSON.stringify(program)};
      const clock = { ...systemClock, timer: (delay, fire) => systemClock.timer(delay / 50, fire) };
      console.log(await endsItsReader(${JSON.stringify(folder)}, clock));`;
    const beginner = spawn(process.execPath, running(work), { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const ended = once(beginner, 'exit');
      assert.equal(String(await within(once(beginner.stdout, 'data'), 'an answer', 15_000)), 'false\n');
      assert.ok(isRunning(Number(await readFile(`${program}.pid`, 'utf8'))), 'it hangs');
      assert.deepEqual(await within(ended, 'its end'), [0, null]);
    } finally {
      beginner.kill('SIGKILL');
      process.kill(Number(await readFile(`${program}.pid`, 'utf8')), 'SIGKILL');
    }
  });

  it('takes a database for whole where its process may open no more files', async () => {
    const folder = JSON.stringify(await kept('c'));
    // Once before: what is loaded needs files too.
    const work = `
      import { openSync } from 'node:fs';
      const before = await check(${folder});
      try { for (;;) openSync('/dev/null'); } catch {}
      console.log(before, await check(${folder}));`;
    const command = ['-c', 'ulimit -n 60; exec "$0" "$@"', process.execPath, ...running(work)];
    assert.equal(execFileSync('/bin/sh', command, { encoding: 'utf8' }), 'false false\n');
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
