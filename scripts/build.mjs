// Builds dist/: the runtime as plain tsc output, the editor half bundled. The first failing half fails the build.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildEditor } from './build-editor.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
compileRuntime();
buildEditor(dist);

function compileRuntime() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], { stdio: 'inherit' });
  if (result.status !== 0) {
    process.stderr.write('posthorn: the runtime does not compile, nothing was built.\n');
    rmSync(dist, { recursive: true, force: true });
    process.exit(1);
  }
}
