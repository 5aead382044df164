import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKOUT, MANIFEST } from './checkout.ts';
import { npm, run } from './run.ts';

/** What `npm pack` makes of the checkout, in a temporary folder. */
export interface Tarball {
  readonly path: string;
  /** Paths inside the package, sorted. */
  readonly files: readonly string[];
  /** Unpacks it into an existing, empty folder. */
  unpack(folder: string): Promise<void>;
  remove(): void;
}

/** @throws Error where the checkout is not built: packing builds nothing, the test command does. */
export async function packTarball(): Promise<Tarball> {
  if (!existsSync(join(CHECKOUT, MANIFEST.main))) throw new Error('dist/ is missing: run "npm run build" first');
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-pack-'));
  await npm(['pack', '--ignore-scripts', '--pack-destination', folder], CHECKOUT);
  const name = readdirSync(folder).find((file) => file.endsWith('.tgz'));
  if (name === undefined) throw new Error(`npm pack left no tarball in ${folder}`);
  const path = join(folder, name);
  return {
    path,
    files: await filesIn(path),
    unpack: async (into) => void (await run('tar', ['-xzf', path, '--strip-components=1'], into)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function filesIn(tarball: string): Promise<string[]> {
  const listing = await run('tar', ['-tzf', tarball], CHECKOUT);
  const paths = listing.split('\n').filter((path) => path !== '' && !path.endsWith('/'));
  return paths.map((path) => path.replace(/^package\//, '')).sort();
}
