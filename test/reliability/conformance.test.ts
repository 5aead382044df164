import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const CHECKOUT = join(__dirname, '..', '..');

describe('docs/conformance.md', () => {
  it('is what the table and the titles of the tests make: each statement has a test, each number in a title a row, each file is there', function () {
    this.timeout(120_000); // it loads every test file once more
    const script = join('scripts', 'conformance.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { cwd: CHECKOUT, encoding: 'utf8' });
    assert.deepEqual([stderr, status], ['', 0]);
  });

  it('leaves few statements without a test, and says why of each', () => {
    const rows =
      readFileSync(join(CHECKOUT, 'docs', 'conformance.md'), 'utf8').match(/^\| (?!5\.0 )(?:\d\S*|–) .*$/gm) ?? [];
    const untested = rows.filter((row) => !row.includes('test/'));
    assert.ok(rows.length >= 202, `only ${rows.length} statements`);
    assert.ok(untested.length <= 13, `${untested.length} statements without a test`);
    for (const row of untested) assert.match(row, /\| not appli(cable|ed): \S/);
  });
});
