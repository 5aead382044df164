// What the scripts that write a document share: its tables, and how it is brought to the disk or held against it.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

/** A text as it stands in a cell of a table. */
export function cell(text) {
  return text.replaceAll(/[\\|*_`<[\]]/g, '\\$&').replaceAll('\n', ' ');
}

/** @param {string[]} head @param {string[][]} rows cells, which are Markdown */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/**
 * Writes the document, or with `--check` says whether it is stale; then says the problems. Any of them fails the process.
 * @param {string} path in the checkout
 * @param {string} markdown
 * @param {string[]} problems
 */
export async function bring(path, markdown, problems) {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  const text = await format(markdown, { ...(await resolveConfig(file)), filepath: file });
  const complaints = [...problems];
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (earlier(file) !== text) complaints.push('it is not what the script makes now: run it without --check');
  for (const complaint of complaints) console.error(`${path}: ${complaint}`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
}

function earlier(file) {
  try {
    return readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
  } catch {
    return undefined; // not written yet: it is stale
  }
}
