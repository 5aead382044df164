import { type Excuse, OFFENCES, type Verdict } from './judge.ts';

const COUNTS = ['sent', 'owed', 'arrived', 'again', 'failed'] as const;
const EXCUSES: readonly Excuse[] = ['edge', 'broker', 'damage', 'ended'];

/** The verdicts as a Markdown table, with a last line for all of them. */
export function asTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict) => [
    ...COUNTS.map((column) => verdict[column]),
    ...OFFENCES.map((offence) => verdict[offence].length),
    ...EXCUSES.map((excuse) => verdict.excused[excuse]),
  ]);
  const heads = [...COUNTS, ...OFFENCES, ...EXCUSES.map((excuse) => `(${excuse})`)];
  const sums = heads.map((_, column) => rows.reduce((sum, row) => sum + (row[column] ?? 0), 0));
  return [
    line(['stream', ...heads]),
    line(['---', ...heads.map(() => '--:')]),
    ...verdicts.map(({ name }, index) => line([name, ...(rows[index] ?? []).map(String)])),
    line(['all', ...sums.map(String)]),
  ].join('');
}

/** What happened, and how often. */
export function asCounts(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([kind, count]) => `${count} × ${kind}`).join(', ');
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`;
}
