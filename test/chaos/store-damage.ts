import { open, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { type Random, wholeNumber } from '../support/random.ts';

/** How long a log was at a moment. */
export interface LogLength {
  readonly file: string;
  readonly bytes: number;
}

/** The log to which the database in a folder writes now: the one with the highest number. */
export async function logIn(folder: string): Promise<LogLength | undefined> {
  const names = await readdir(folder).catch((): string[] => []);
  const name = names
    .filter((each) => each.endsWith('.log'))
    .sort()
    .at(-1);
  if (name === undefined) return undefined;
  const file = join(folder, name);
  return { file, bytes: (await stat(file)).size };
}

/** What of a log may be damaged: what was written to it since a moment. */
export function since(before: LogLength | undefined, now: LogLength): { readonly from: number; readonly to: number } {
  return { from: before?.file === now.file ? before.bytes : 0, to: now.bytes };
}

/** @param share how much of it, from 0 to 1, counted from the end */
export async function damage(
  { file }: LogLength,
  { from, to }: { readonly from: number; readonly to: number },
  {
    manner,
    share,
    random,
  }: { readonly manner: 'truncate' | 'garbage'; readonly share: number; readonly random: Random },
): Promise<void> {
  const start = to - Math.floor((to - from) * share);
  if (manner === 'truncate') return truncate(file, start);
  const garbage = Buffer.from(Array.from({ length: to - start }, () => wholeNumber(random, 0, 255)));
  const handle = await open(file, 'r+');
  try {
    await handle.write(garbage, 0, garbage.length, start);
  } finally {
    await handle.close();
  }
}
