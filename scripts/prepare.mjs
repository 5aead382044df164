// npm runs `prepare` after `npm ci`, for git dependencies and before `npm pack`.
// With --omit=dev there is no compiler: then an existing dist/ is used, and its absence is said, not hidden.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const installed = (name) => existsSync(new URL(`../node_modules/${name}/package.json`, import.meta.url));

if (installed('typescript') && installed('esbuild')) {
  await import('./build.mjs');
} else if (!existsSync(fileURLToPath(new URL('../dist', import.meta.url)))) {
  process.stderr.write(
    'posthorn: not built, because development dependencies are missing. Run `npm install && npm run build`.\n',
  );
}
