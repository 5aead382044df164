import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const CHECKOUT = join(__dirname, '..', '..');
/** A test as the tables name it: the file, and words of its title as they stand there. */
const CITATION = /`((?:test|scripts)\/[^`]+\.(?:ts|mjs))`(?:: ([^|]+?))?(?=<br>|\s+\|)/g;

describe('docs/reliability.md', () => {
  const text = readFileSync(join(CHECKOUT, 'docs', 'reliability.md'), 'utf8');
  const citations = [...text.matchAll(CITATION)].map(([, file = '', title = '']) => ({ file, title }));

  it('names tests that exist, by their own words', () => {
    assert.ok(citations.length > 50, `only ${citations.length} tests are named`);
    const missing = citations.filter(({ file, title }) => !sourceOf(file).includes(title));
    assert.deepEqual(missing, []);
  });

  it('has a line for every finding', () => {
    const expected = [
      ...numbered('A', 1, 13),
      ...numbered('B', 14, 23),
      ...numbered('C', 1, 19),
      ...numbered('D', 1, 12),
      ...numbered('E', 1, 13),
      ...numbered('F', 1, 9),
      ...numbered('G', 1, 10),
    ];
    const found = [...text.matchAll(/^\| ([A-G]\d+) +\|/gm)].map(([, id]) => id);
    assert.deepEqual(found, expected);
  });
});

function numbered(letter: string, first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => `${letter}${first + index}`);
}

function sourceOf(file: string): string {
  try {
    return readFileSync(join(CHECKOUT, file), 'utf8');
  } catch {
    return ''; // a file that is not there holds no test: that is the finding
  }
}
