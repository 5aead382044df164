import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { DiskStore } from '../../../src/store/disk-store.ts';
import { randomFrom, wholeNumber } from '../../support/random.ts';
import { record } from './contract.ts';

/** Makes a database with two tables, in which a page reads as zeros, as behind a power cut: LevelDB ends who reads it. */
export async function zeroedDatabase(folder: string): Promise<void> {
  const random = randomFrom(1);
  const noise = (): Buffer => Buffer.from(Array.from({ length: 400 }, () => wholeNumber(random, 0, 255)));
  for (const odd of [1, 0]) {
    const store = await DiskStore.open(folder, { report: () => undefined });
    for (let sequence = 2 - odd; sequence <= 500; sequence += 2) {
      const { message, ...rest } = record(sequence);
      store.put({ ...rest, message: { ...message, payload: noise() } });
    }
    await store.close();
    // What is in a log becomes a table when it is opened.
    const database = new ClassicLevel(join(folder, 'session'));
    await database.open();
    await database.close();
  }
  const path = join(folder, 'session');
  for (const file of (await readdir(path)).filter((name) => name.endsWith('.ldb'))) {
    const bytes = await readFile(join(path, file));
    await writeFile(join(path, file), bytes.fill(0, 40_960, 45_056));
  }
}
