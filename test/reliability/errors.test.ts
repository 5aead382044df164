import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const CHECKOUT = join(__dirname, '..', '..');

describe('docs/errors.md', () => {
  it('is what the texts and the source make: each error code, reason code and system code has its row, and none is there for nothing', () => {
    const script = join('scripts', 'errors.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { cwd: CHECKOUT, encoding: 'utf8' });
    assert.deepEqual([stderr, status], ['', 0]);
  });
});
