import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where screenshots go: `docs/images` with `SCREENSHOTS=1` in the environment, else a temporary folder. */
export function screenshotFolder(): string {
  const documented = process.env['SCREENSHOTS'] === '1';
  const folder = documented ? join(__dirname, '..', '..', 'docs', 'images') : join(tmpdir(), 'posthorn-screenshots');
  mkdirSync(folder, { recursive: true });
  return folder;
}
