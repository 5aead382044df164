import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENGLISH } from '../../../../nodes/failures/english.ts';

const GUIDE = join(__dirname, '../../../../docs/guide');

/** What stands between backticks in the first column of the tables behind a heading. */
function statuses(file: string, heading: string): string[] {
  const part = readFileSync(join(GUIDE, file), 'utf8').split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const cells = part.split('\n').flatMap((line) => (line.startsWith('|') ? (line.split('|')[1] ?? '') : []));
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text));
}

/** Every short text, with its code where the status has one, and what stands for all of TLS. */
const SHORT = [...ENGLISH.values()].map(({ short }) => short.replaceAll('’', "'"));
const COMMON = ['connected', 'connected, TLS not verified'];

function isShown(status: string): boolean {
  const words = status
    .replaceAll('’', "'")
    .replace(/^TLS: /, '')
    .replace(/ \(0x[0-9a-f]{2}\)$/, '');
  return (
    words === '…' || COMMON.includes(words) || SHORT.some((short) => short.replace(/^TLS: /, '').startsWith(words))
  );
}

describe('The guide', () => {
  for (const [file, heading] of [
    ['troubleshooting.md', 'It does not connect'],
    ['tls.md', 'If it is not green'],
  ] as const) {
    it(`${file} names statuses as they are shown`, () => {
      const named = statuses(file, heading);
      assert.ok(named.length > 4);
      assert.deepEqual(
        named.filter((status) => !isShown(status)),
        [],
      );
    });
  }
});
