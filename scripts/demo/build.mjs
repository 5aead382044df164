import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './run.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = ['src', 'nodes', 'scripts/build.mjs', 'scripts/build-editor.mjs', 'package.json', 'tsconfig.json'];

// The build's first and last files: a build that stopped between them is not taken for a whole one.
const BUILT = ['dist/src/index.js', 'dist/nodes/mqtt-out/mqtt-out.html'];

/** Builds dist/; `signal` ends it. */
export async function build(signal) {
  await run(process.execPath, [join(ROOT, 'scripts/build.mjs')], { signal });
}

/** Whether what was built is newer than every source. */
export function isBuilt() {
  const built = BUILT.map((path) => join(ROOT, path));
  if (!built.every((path) => existsSync(path))) return false;
  const oldestBuilt = Math.min(...built.map(changedAt));
  return SOURCES.every((path) => newestIn(join(ROOT, path)) < oldestBuilt);
}

// A folder counts as a source too: it changes when a file in it is added, renamed or deleted.
function newestIn(path) {
  const inside = statSync(path).isDirectory() ? readdirSync(path).map((name) => newestIn(join(path, name))) : [];
  return Math.max(changedAt(path), ...inside);
}

function changedAt(path) {
  return statSync(path).mtimeMs;
}
