import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
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
