// Proves that the linter sees the layer rules: plants one violation of each in a temporary folder and fails unless
// oxlint reports every one of them, by the rule and in the file where it was planted, and nothing in the clean file.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RULE = 'eslint(no-restricted-imports)';
const CLEAN_FILE = 'src/client/clean.ts';

const FILES = {
  'src/client/state.ts': 'export const state = 1;\n',
  'src/session/session.ts': 'export const session = 1;\n',
  'src/index.ts': 'export const publicSurface = 1;\n',
  [CLEAN_FILE]: "import { session } from '../session/session.ts';\n\nexport const clean = session;\n",
};

const VIOLATIONS = {
  'src/session/imports-client.ts': "import { state } from '../client/state.ts';\n\nexport const seen = state;\n",
  'src/util/imports-net.ts': "import { connect } from 'node:net';\n\nexport const seen = connect;\n",
  'src/client/imports-node-red.ts': "import RED from 'node-red';\n\nexport const seen = RED;\n",
  'src/client/imports-surface.ts':
    "import { publicSurface } from '../index.ts';\n\nexport const seen = publicSurface;\n",
  'nodes/mqtt-in/imports-session.ts':
    "import { session } from '../../src/session/session.ts';\n\nexport const seen = session;\n",
  'nodes/mqtt-in/imports-codec.ts': "import { parser } from 'mqtt-packet';\n\nexport const seen = parser;\n",
};

const folder = mkdtempSync(join(tmpdir(), 'posthorn-lint-'));
try {
  plant(folder);
  process.exitCode = report(lint(folder));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function plant(folder) {
  for (const name of ['.oxlintrc.json', 'tsconfig.base.json', 'tsconfig.json', 'package.json']) {
    cpSync(join(ROOT, name), join(folder, name));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  for (const [path, text] of Object.entries({ ...FILES, ...VIOLATIONS })) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** The layer violations that oxlint reports, as paths relative to the folder. */
function lint(folder) {
  const oxlint = join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const run = spawnSync(process.execPath, [oxlint, '--format=json', 'src', 'nodes'], { cwd: folder, encoding: 'utf8' });
  try {
    const { diagnostics } = JSON.parse(run.stdout);
    return new Set(diagnostics.filter(({ code }) => code === RULE).map(({ filename }) => filename));
  } catch (cause) {
    throw new Error(`oxlint gave no report: ${run.stdout}${run.stderr}`, { cause });
  }
}

/** Says what was seen and what was not; the exit code. */
function report(seen) {
  const planted = Object.keys(VIOLATIONS);
  const missed = planted.filter((path) => !seen.has(path));
  const invented = [...seen].filter((path) => !planted.includes(path));
  missed.forEach((path) => console.error(`lint-sees: the linter does not report the violation in ${path}`));
  invented.forEach((path) => console.error(`lint-sees: the linter reports ${path}, which breaks no layer rule`));
  console.log(`lint-sees: ${planted.length - missed.length} of ${planted.length} planted layer violations reported`);
  return missed.length + invented.length === 0 ? 0 : 1;
}
