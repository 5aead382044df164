// Proves that `npm run lint` sees the rules of the house: plants one violation after the other in a temporary folder and
// fails unless each is reported in the file where it was planted, and nothing in the clean files. The violations are
// written by hand, not made from the table of rooms, so that a row that became too wide shows; each row has one.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layerProblems, roomOf } from './check-layers.mjs';
import { ROOMS } from './layers.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LINT_RULES = ['no-restricted-globals', 'no-restricted-properties', 'no-cycle'];

/** What the planted files import. */
const TARGETS = [
  'src/util/queue.ts',
  'src/protocol/packet.ts',
  'src/codec/decoder.ts',
  'src/store/store.ts',
  'src/router/router.ts',
  'src/session/session.ts',
  'src/connection/connection.ts',
  'src/client/client.ts',
  'nodes/common/config.ts',
  'nodes/editor/text.ts',
  'nodes/failures/catalogue.ts',
  'nodes/convert/converter.ts',
  'nodes/mqtt-connection/shared-connection.ts',
  'nodes/mqtt-in/intake.ts',
];

const CLEAN = {
  'src/util/clock.ts': 'export const now = (): number => performance.now() + Date.now() + Math.random();\n',
  'src/session/clean.ts': importing('../router/router.ts'),
  'src/client/clean.ts': importing('../session/session.ts'),
  'nodes/mqtt-in/clean.ts': importing('../mqtt-connection/shared-connection.ts'),
  'nodes/editor/clean.ts': importing('../common/broker-address.ts'),
  'nodes/failures/clean.ts': importing('../../src/protocol/packet-reason-codes.ts'),
};

const VIOLATIONS = {
  'src/util/imports-net.ts': importing('node:net'),
  'src/util/imports-protocol.ts': importing('../protocol/packet.ts'),
  'src/protocol/imports-codec.ts': importing('../codec/decoder.ts'),
  'src/protocol/packet-reason-codes.ts': importing('../codec/decoder.ts') + 'export const value = seen;\n',
  'src/codec/imports-store.ts': importing('../store/store.ts'),
  'src/transport/imports-codec.ts': importing('../codec/decoder.ts'),
  'src/store/imports-session.ts': importing('../session/session.ts'),
  'src/store/imports-random.ts': importing('node:crypto'),
  'src/router/imports-session-type.ts': importingType('../session/session.ts'),
  'src/session/imports-client.ts': importing('../client/client.ts'),
  'src/session/imports-connection-type.ts': importingType('../connection/connection.ts'),
  'src/connection/imports-session.ts': importing('../session/session.ts'),
  'src/connection/imports-router-type.ts': importingType('../router/router.ts'),
  'src/client/imports-node-red.ts': importing('node-red'),
  'src/client/imports-surface.ts': importing('../index.ts'),
  'src/client/imports-nodes.ts': importing('../../nodes/common/config.ts'),
  'src/client/imports-at-run-time.ts': "export const seen = import('mqtt-packet');\n",
  'src/probe/imports-session.ts': importing('../session/session.ts'),
  'src/index.ts': "export { value } from '../nodes/common/config.ts';\n",
  'nodes/common/broker-address.ts': importing('./config.ts') + 'export const value = seen;\n',
  'nodes/common/connection-label.ts': importing('./config.ts'),
  'nodes/common/acknowledge-fields.ts': importing('./config.ts'),
  'nodes/common/age.ts': importing('./config.ts'),
  'nodes/common/connection-numbers.ts': importing('./config.ts'),
  'nodes/common/outbox-answer.ts': importing('./config.ts'),
  'nodes/common/sidebar-answers.ts': importing('./config.ts'),
  'nodes/common/test-answer.ts': importing('./config.ts'),
  'nodes/common/tick.ts': importing('./config.ts'),
  'nodes/failures/imports-engine.ts': importing('../../src/index.ts'),
  'nodes/failures/failure-id.ts': importing('../common/config.ts'),
  'nodes/common/imports-mqtt-in.ts': importing('../mqtt-in/intake.ts'),
  'nodes/common/imports-connection-type.ts': importingType('../mqtt-connection/shared-connection.ts'),
  'nodes/common/imports-node-red-type.ts': importingType('node-red'),
  'nodes/convert/imports-editor-type.ts': importingType('../editor/text.ts'),
  'nodes/cli/imports-engine.ts': importing('../../src/index.ts'),
  'nodes/cli/imports-editor.ts': importing('../editor/text.ts'),
  'nodes/editor/imports-engine.ts': importing('../../src/index.ts'),
  'nodes/mqtt-connection/imports-mqtt-in-type.ts': importingType('../mqtt-in/intake.ts'),
  'nodes/mqtt-connection/imports-editor.ts': importing('../editor/text.ts'),
  'nodes/mqtt-connection/mqtt-connection.editor.ts': importing('./shared-connection.ts'),
  'nodes/mqtt-in/imports-session.ts': importing('../../src/session/session.ts'),
  'nodes/mqtt-in/imports-codec.ts': importing('mqtt-packet'),
  'nodes/mqtt-in/mqtt-in.editor.ts': importing('../convert/converter.ts'),
  'nodes/mqtt-out/imports-mqtt-in.ts': importing('../mqtt-in/intake.ts'),
  'nodes/mqtt-out/mqtt-out.editor.ts': importing('../mqtt-connection/shared-connection.ts'),
  'nodes/metrics/imports-engine.ts': importing('../../src/client/client.ts'),
  'nodes/mqtt-ack/imports-mqtt-in.ts': importing('../mqtt-in/intake.ts'),
  'nodes/mqtt-ack/mqtt-ack.editor.ts': importing('../mqtt-connection/shared-connection.ts'),
  'nodes/sidebar/imports-mqtt-in.ts': importing('../mqtt-in/intake.ts'),
  'nodes/sidebar/imports-session.ts': importing('../../src/session/session.ts'),
  'nodes/sidebar/sidebar.editor.ts': importing('../mqtt-connection/shared-connection.ts'),
  'nodes/nowhere/has-no-row.ts': 'export const seen = 1;\n',
  'src/session/circle-a.ts': importingType('./circle-b.ts'),
  'src/client/waits.ts': 'export const seen = setTimeout(() => undefined, 1);\n',
  'src/client/waits-a-turn.ts': 'export const seen = setImmediate(() => undefined);\n',
  'src/client/repeats.ts': 'export const seen = setInterval(() => undefined, 1);\n',
  'src/client/tells-the-date.ts': 'export const seen = Date.now();\n',
  'src/client/tells-the-time.ts': 'export const seen = performance.now();\n',
  'src/client/tells-the-time-by-the-long-name.ts': 'export const seen = globalThis.performance;\n',
  'src/client/waits-by-a-signal.ts': 'export const seen = AbortSignal.timeout(1);\n',
  'src/client/counts-nanoseconds.ts': 'export const seen = process.hrtime();\n',
  'src/client/draws-a-number.ts': 'export const seen = crypto.randomUUID();\n',
  'src/client/throws-dice.ts': 'export const seen = Math.random();\n',
};

const FILES = {
  ...Object.fromEntries(TARGETS.map((path) => [path, 'export const value = 1;\nexport type Value = number;\n'])),
  'src/session/circle-b.ts': importingType('./circle-a.ts'),
  ...CLEAN,
  ...VIOLATIONS,
};

const folder = mkdtempSync(join(tmpdir(), 'posthorn-lint-'));
try {
  plant();
  process.exitCode = report(new Set([...linted(), ...layerProblems(folder).map(({ file }) => file)]));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function importing(specifier) {
  return `import { value } from '${specifier}';\n\nexport const seen = value;\n`;
}

function importingType(specifier) {
  return `import type { Value } from '${specifier}';\n\nexport type Seen = Value;\n`;
}

function plant() {
  for (const name of ['.oxlintrc.json', 'tsconfig.base.json', 'tsconfig.json', 'package.json']) {
    cpSync(join(ROOT, name), join(folder, name));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** The files in which oxlint reports a broken rule of the house. */
function linted() {
  const oxlint = join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const run = spawnSync(process.execPath, [oxlint, '--format=json', 'src', 'nodes'], { cwd: folder, encoding: 'utf8' });
  try {
    const { diagnostics } = JSON.parse(run.stdout);
    const ours = diagnostics.filter(({ code }) => LINT_RULES.some((rule) => code?.includes(`(${rule})`)));
    return ours.map(({ filename }) => filename);
  } catch (cause) {
    throw new Error(`oxlint gave no report: ${run.stdout}${run.stderr}`, { cause });
  }
}

/** Says what was seen and what was not; the exit code. */
function report(seen) {
  const planted = Object.keys(VIOLATIONS);
  const complaints = [
    ...planted.filter((path) => !seen.has(path)).map((path) => `the violation in ${path} is not reported`),
    ...[...seen].filter((path) => !isPlanted(path)).map((path) => `${path} is reported, which breaks no rule`),
    ...ROOMS.filter((room) => !planted.some((path) => roomOf(path) === room)).map(
      ({ path }) => `no violation is planted for the row ${path}`,
    ),
  ];
  for (const complaint of complaints) console.error(`lint-sees: ${complaint}`);
  console.log(`lint-sees: ${planted.filter((path) => seen.has(path)).length} of ${planted.length} violations reported`);
  return complaints.length === 0 ? 0 : 1;
}

function isPlanted(path) {
  return path in VIOLATIONS || path.startsWith('src/session/circle-');
}
