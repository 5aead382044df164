import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packTarball } from './support/tarball.ts';

const COMMAND = 'dist/nodes/cli/posthorn.js';

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

describe('the command in the package', function () {
  this.timeout(60_000);
  let folder: string;
  let command: string;
  let input: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'posthorn-command-'));
    const tarball = await packTarball();
    await tarball.unpack(folder);
    tarball.remove();
    command = join(folder, COMMAND);
    input = join(folder, 'flows.json');
    writeFileSync(
      input,
      JSON.stringify([{ id: 'in1', type: 'mqtt in', z: 't1', topic: 'a', broker: 'b1', wires: [[]] }]),
    );
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is the one that npx runs', () => {
    const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin?: unknown };
    assert.deepEqual(bin, { 'node-red-mqtt': COMMAND });
  });

  it('names its interpreter, as a command must', () => {
    assert.ok(readFileSync(command, 'utf8').startsWith('#!/usr/bin/env node\n'));
  });

  it('converts a file, without anything installed beside it', async () => {
    const { code, out, error } = await run('convert', input);
    assert.equal(error, '');
    assert.equal(code, 0);
    assert.match(out, /1 × mqtt in → mqtt-in/);
    const [node] = JSON.parse(readFileSync(join(folder, 'flows.posthorn.json'), 'utf8')) as [{ type: string }];
    assert.equal(node.type, 'mqtt-in');
  });

  it('ends with 1 after a problem, and with 2 after wrong usage', async () => {
    assert.equal((await run('convert', join(folder, 'nowhere.json'))).code, 1);
    assert.equal((await run('convert')).code, 2);
    assert.ok(!existsSync(join(folder, 'nowhere.posthorn.json')));
  });

  async function run(...words: string[]): Promise<Ended> {
    return new Promise((resolve) => {
      execFile(process.execPath, [command, ...words], { cwd: folder }, (problem, out, error) => {
        resolve({ code: Number(problem?.code ?? 0), out, error });
      });
    });
  }
});
