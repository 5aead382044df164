import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Medium } from '../../../src/store/medium.ts';
import { SessionFolder } from '../../../src/store/session-folder.ts';
import { systemClock } from '../../../src/util/clock.ts';

describe('SessionFolder', () => {
  let root: string;
  const media: Medium[] = [];

  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'posthorn-folder-'))));
  afterEach(async () => {
    for (const { database } of media.splice(0)) await database.close();
    await rm(root, { recursive: true, force: true });
  });

  async function open(folder: string): Promise<Medium> {
    const options = { clock: systemClock, report: () => undefined };
    const medium = await SessionFolder.open(folder, options, (opened) => Promise.resolve(opened));
    media.push(medium);
    return medium;
  }

  const rightsOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

  it('can be read by its owner alone, and so can the folders that it makes above it', async function () {
    if (process.platform === 'win32') this.skip();
    await open(join(root, 'posthorn/c'));
    assert.deepEqual(
      [await rightsOf(join(root, 'posthorn')), await rightsOf(join(root, 'posthorn/c'))],
      [0o700, 0o700],
    );
  });

  it('can be read by its owner alone where it was there already, for everybody', async function () {
    if (process.platform === 'win32') this.skip();
    const folder = join(root, 'c');
    await mkdir(folder);
    await chmod(folder, 0o777);
    await open(folder);
    assert.equal(await rightsOf(folder), 0o700);
  });

  describe('that is only looked at', () => {
    const lookIn = (folder: string): Promise<string | undefined> =>
      SessionFolder.lookIn(folder, systemClock, async ({ database }) => String(await database.get('version')));

    const filesIn = async (folder: string): Promise<readonly string[]> =>
      (await readdir(folder, { recursive: true })).sort();

    it('says what is in it, and has neither mark: nobody else sees that it was', async () => {
      const folder = join(root, 'c');
      const { database } = await open(folder);
      await database.put('version', Buffer.from('2'));
      await database.close();
      await rm(join(folder, 'in-use'));
      assert.equal(await lookIn(folder), '2');
      assert.deepEqual(await readdir(folder), ['session']);
      assert.equal(await lookIn(folder), '2', 'and is free again');
    });

    const without: Readonly<Record<string, (folder: string) => Promise<unknown>>> = {
      'is not there': () => Promise.resolve(),
      'is empty': (folder) => mkdir(folder),
      'has a database that is not begun': (folder) => mkdir(join(folder, 'session'), { recursive: true }),
      'has a file in place of a database': (folder) => writeFile(folder, ''),
      'has a database without CURRENT': async (folder) => {
        await (await open(folder)).database.close();
        await rm(join(folder, 'session/CURRENT'));
      },
    };
    for (const [what, make] of Object.entries(without)) {
      it(`stays as it is where it ${what}`, async () => {
        await make(join(root, 'c'));
        const before = await filesIn(root);
        assert.equal(await lookIn(join(root, 'c')), undefined);
        assert.deepEqual(await filesIn(root), before);
      });
    }

    it('gets no database in place of one that goes in this moment', async () => {
      const folder = join(root, 'c');
      await (await open(folder)).database.close();
      const gone = (run: () => void): void => void rm(join(folder, 'session'), { recursive: true }).then(run);
      const clock = { ...systemClock, afterIo: gone };
      assert.equal(await SessionFolder.lookIn(folder, clock, () => Promise.resolve('it is read')), undefined);
      assert.ok(!existsSync(join(folder, 'session/CURRENT')));
    });

    it('says nothing where somebody has it, and does not wait for him', async () => {
      const folder = join(root, 'c');
      await open(folder);
      await rm(join(folder, 'in-use'));
      const clock = { ...systemClock, timer: () => assert.fail('it waits') };
      assert.equal(await SessionFolder.lookIn(folder, clock, () => Promise.resolve('it is read')), undefined);
      assert.deepEqual(await readdir(folder), ['session']);
    });
  });

  it('is gone when the session is removed', async () => {
    const folder = join(root, 'c');
    const medium = await open(folder);
    await medium.trust();
    await medium.database.close();
    await medium.leave();
    await medium.remove();
    assert.ok(!existsSync(folder));
  });

  it('keeps what was set aside, and nothing else, when the session is removed', async () => {
    const folder = join(root, 'c');
    await (await open(folder)).database.close();
    await rm(join(folder, 'session/CURRENT'));
    const medium = await open(folder);
    await medium.database.close();
    await medium.leave();
    await medium.remove();
    const [aside = '', ...more] = await readdir(folder);
    assert.match(aside, /^session\.unreadable-\d+$/);
    assert.deepEqual(more, []);
    assert.notDeepEqual(await readdir(join(folder, aside)), []);
  });
});
