import type { Entry } from './ledger.ts';

const COLUMNS = ['sent', 'owed', 'arrived', 'lost', 'doubled', 'disordered', 'lied', 'failed', 'untold'] as const;

/** The entries as a Markdown table. */
export function asTable(entries: readonly Entry[]): string {
  const rows = [
    ['stream', ...COLUMNS],
    ['---', ...COLUMNS.map(() => '--:')],
    ...entries.map((entry) => [entry.name, ...COLUMNS.map((column) => String(entry[column]))]),
  ];
  return rows.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
