import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomFrom } from '../support/random.ts';
import { damage, logIn, since } from './store-damage.ts';

describe('the damage that the breaker does to a store', () => {
  let folder: string;
  const random = randomFrom(1);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'posthorn-damage-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function log(name: string, text: string): Promise<void> {
    await writeFile(join(folder, name), text);
  }

  async function damaged(manner: 'truncate' | 'garbage', share: number): Promise<string> {
    await log('000007.log', 'before');
    const before = await logIn(folder);
    await log('000007.log', 'before and after');
    const now = await logIn(folder);
    assert.ok(now !== undefined);
    await damage(now, since(before, now), { manner, share, random });
    return readFile(now.file, 'latin1');
  }

  it('cuts off the end of what was written since a moment', async () => {
    assert.equal(await damaged('truncate', 0.5), 'before and ');
  });

  it('makes garbage of it, and touches nothing older', async () => {
    const text = await damaged('garbage', 1);
    assert.equal(text.length, 'before and after'.length);
    assert.match(text, /^before/);
    assert.notEqual(text, 'before and after');
  });

  it('is to the last log, all of it where that is a new one', async () => {
    await log('000007.log', 'before');
    const before = await logIn(folder);
    await log('000009.log', 'new');
    const now = await logIn(folder);
    assert.ok(now !== undefined);
    assert.match(now.file, /000009\.log$/);
    assert.deepEqual(since(before, now), { from: 0, to: 3 });
  });

  it('is none where there is no log', async () => {
    assert.equal(await logIn(join(folder, 'none')), undefined);
  });
});
