import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../../../nodes/cli/command.ts';
import { broker, publisher, subscriber } from './flows.ts';

const FLOWS = [subscriber, publisher, broker];

describe('the command that converts a flow file', () => {
  let folder: string;
  let input: string;
  let output: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'posthorn-convert-'));
    input = join(folder, 'flows.json');
    output = join(folder, 'flows.posthorn.json');
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('writes a new file beside the old one, which stays', () => {
    const text = JSON.stringify(FLOWS);
    writeFileSync(input, text);
    assert.equal(run('convert', input).code, 0);
    assert.deepEqual(typesIn(output), ['mqtt-in', 'mqtt-out', 'mqtt-connection']);
    assert.equal(readFileSync(input, 'utf8'), text);
  });

  it('shows what a file holds, and lets none of it steer the terminal', () => {
    const name = '\u001b]0;owned\u0007\u009b2J\u202e';
    writeFileSync(
      input,
      JSON.stringify([
        { ...subscriber, id: '\u001b[2J', name },
        { ...broker, id: '\n$ rm' },
      ]),
    );
    const { out } = run('convert', input);
    assert.equal(out.replaceAll('\n', '').search(/[\p{Cc}\u202e]/u), -1);
    assert.match(out, /\\u001b\[2J {2}mqtt-in/);
    writeFileSync(input, '{"\u001b[31m');
    assert.ok(!run('convert', input).error.includes('\u001b'));
  });

  it('never writes over the old file, not even by a hard link with --force', () => {
    const text = JSON.stringify(FLOWS);
    writeFileSync(input, text);
    linkSync(input, output);
    const { code, error } = run('convert', input, '--force');
    assert.equal(code, 1);
    assert.match(error, /is the file with the old flows, which stays as it is/);
    assert.equal(readFileSync(input, 'utf8'), text);
  });

  it('says so where a file is nested too deep, and writes nothing', () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    writeFileSync(input, `[${JSON.stringify(subscriber)},{"id":"d","type":"x","deep":${deep}}]`);
    const { code, error } = run('convert', input);
    assert.equal(code, 1);
    assert.equal(error, `${input} is nested too deep to be written again.\n`);
    assert.equal(existsSync(output), false);
  });

  it('says what it changed, what to do, and what becomes of passwords', () => {
    writeFileSync(input, JSON.stringify([subscriber, { ...broker, usetls: true }, 7]));
    const { out } = run('convert', input);
    assert.match(out, /^Changed 2 nodes:\n {2}1 × mqtt-broker → mqtt-connection\n {2}1 × mqtt in → mqtt-in\n/);
    assert.match(out, /in1 {2}mqtt-in {2}"kitchen"/);
    assert.match(out, /"localhost:1883" \(b1\) did not verify the server's certificate and does so now/);
    assert.match(out, /Entry 3 of the file is no node/);
    assert.match(out, /Usernames and passwords:/);
    assert.ok(out.endsWith(`Written to ${output}. ${input} is unchanged.\n`));
  });

  it('has a sentence for everything that there may be to say', () => {
    const clientid = 'gateway';
    const inside = { ...subscriber, id: 'in2', z: 's1', broker: '${BROKER}' };
    const lost = { ...subscriber, id: 'in3', broker: 'b9' };
    const loose = { ...subscriber, id: 'in4', broker: '' };
    const foreign = [1, 2].map((number) => ({ id: `f${number}`, type: 'other', server: `b${number}` }));
    const brokers = [
      { ...broker, clientid },
      { ...broker, id: 'b2', clientid: '${CLIENT}' },
    ];
    const second = { ...publisher, broker: 'b2' };
    const subflow = { id: 's1', type: 'subflow', name: 'Meter' };
    writeFileSync(input, JSON.stringify([subscriber, second, inside, lost, loose, subflow, ...foreign, ...brokers]));
    const { out } = run('convert', input);
    assert.match(out, /stays, because nodes that were not converted use it/);
    assert.match(out, /has the client ID "gateway-posthorn"/);
    assert.match(out, /takes its client ID from the variable CLIENT/);
    assert.match(out, /enter them again/);
    assert.match(out, /takes its broker from the variable BROKER/);
    assert.match(out, /uses the broker b9, which is not in this file/);
    assert.match(out, /has no connection/);
    assert.match(out, /1 node inside the subflow "Meter" \(s1\) changed/);
  });

  it('keeps the form of the file: an object with flows, its indentation, its last line break', () => {
    writeFileSync(input, `${JSON.stringify({ flows: FLOWS, rev: 'abc' }, undefined, 4)}\n`);
    run('convert', input);
    const text = readFileSync(output, 'utf8');
    const types = ['mqtt-in', 'mqtt-out', 'mqtt-connection'];
    const flows = FLOWS.map((node, index) => ({ ...node, type: types[index] }));
    assert.equal(text, `${JSON.stringify({ flows, rev: 'abc' }, undefined, 4)}\n`);
  });

  it('takes a single node, and a byte order mark before it', () => {
    writeFileSync(input, `\uFEFF${JSON.stringify(subscriber)}`);
    assert.equal(run('convert', input).code, 0);
    assert.deepEqual(JSON.parse(readFileSync(output, 'utf8')), { ...subscriber, type: 'mqtt-in' });
  });

  it('writes where -o says', () => {
    const elsewhere = join(folder, 'new.json');
    writeFileSync(input, JSON.stringify(FLOWS));
    assert.equal(run('convert', input, '-o', elsewhere).code, 0);
    assert.ok(existsSync(elsewhere));
    assert.ok(!existsSync(output));
  });

  it('overwrites an existing file only with --force', () => {
    writeFileSync(input, JSON.stringify(FLOWS));
    writeFileSync(output, 'mine');
    const { code, error } = run('convert', input);
    assert.equal(code, 1);
    assert.equal(error, `${output} exists already. Overwrite it with --force.\n`);
    assert.equal(readFileSync(output, 'utf8'), 'mine');
    assert.equal(run('convert', input, '--force').code, 0);
    assert.equal(typesIn(output).length, 3);
  });

  it('never overwrites the old flows, not even with --force', () => {
    writeFileSync(input, JSON.stringify(FLOWS));
    const { code, error } = run('convert', input, '-o', join(folder, '.', 'flows.json'), '--force');
    assert.equal(code, 1);
    assert.match(error, /is the file with the old flows/);
    assert.deepEqual(typesIn(input), ['mqtt in', 'mqtt out', 'mqtt-broker']);
  });

  it('writes nothing where there is nothing to convert', () => {
    writeFileSync(input, JSON.stringify([{ id: 'd1', type: 'debug' }]));
    const { code, out } = run('convert', input);
    assert.equal(code, 1);
    assert.match(out, /^There is nothing to convert in /);
    assert.ok(!existsSync(output));
  });

  const unusable: readonly [string, string | undefined, RegExp][] = [
    ['a missing file', undefined, /flows\.json does not exist\.\n$/],
    ['a file that is not JSON', '[{"id":', /flows\.json is not valid JSON: /],
    ['an empty file', '', /flows\.json is not valid JSON: /],
    ['a file without nodes', '[]', /flows\.json holds no nodes/],
    ['another JSON file', '{"name":"package"}', /flows\.json holds no nodes/],
    ['a bare value', 'null', /flows\.json holds no nodes/],
  ];
  for (const [what, text, sentence] of unusable) {
    it(`says what is wrong with ${what}`, () => {
      if (text !== undefined) writeFileSync(input, text);
      const { code, out, error } = run('convert', input);
      assert.equal(code, 1);
      assert.equal(out, '');
      assert.match(error, sentence);
      assert.ok(!existsSync(output));
    });
  }

  it('says so where a folder stands in place of the file, and where the new file has no folder', () => {
    assert.match(run('convert', folder, '-o', output).error, /cannot be read \(EISDIR\)/);
    writeFileSync(input, JSON.stringify(FLOWS));
    assert.match(run('convert', input, '-o', join(folder, 'no', 'new.json')).error, /cannot be written \(ENOENT\)/);
  });

  const wrong: readonly (readonly string[])[] = [
    [],
    ['convert'],
    ['konvert', 'flows.json'],
    ['convert', 'a.json', 'b.json'],
    ['convert', 'a.json', '--outptu', 'b.json'],
    ['convert', 'a.json', '-o'],
  ];
  for (const words of wrong) {
    it(`shows its usage after: ${['node-red-mqtt', ...words].join(' ')}`, () => {
      const { code, error } = run(...words);
      assert.equal(code, 2);
      assert.match(error, /^.+\n\nUsage: npx @posthorn\/node-red-mqtt convert /);
    });
  }

  it('shows its usage when asked', () => {
    const { code, out } = run('--help');
    assert.equal(code, 0);
    assert.match(out, /^Usage: /);
  });
});

function run(...words: string[]): { code: number; out: string; error: string } {
  let out = '';
  let error = '';
  const code = runCommand(words, { out: (text) => (out += text), error: (text) => (error += text) });
  return { code, out, error };
}

function typesIn(file: string): string[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { type: string }[]).map(({ type }) => type);
}
