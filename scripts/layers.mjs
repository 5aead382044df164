// The rooms of src/ and nodes/, and what each may import: nothing else, types included. scripts/check-layers.mjs holds
// the code against it, scripts/lint-sees.mjs plants a violation of every row, docs/architecture.md explains it.

/**
 * @typedef {object} Room
 * @property {string} path a folder, a file, or (with a star) the files of a folder whose names end so
 * @property {readonly string[]} mayImport paths of rooms; a room may always import itself
 * @property {readonly string[]} [packages] names of packages; the parts of Node.js that need no I/O are free for all
 */

const BELOW_SESSION = ['src/codec', 'src/transport', 'src/store', 'src/protocol', 'src/util'];

/** What a packet may carry: data alone, which the catalogue of failures reads in the browser too. */
const REASON_CODES = 'src/protocol/packet-reason-codes.ts';

/** Pure, and small enough for the browser: the dialogs read them too. */
const READ_BY_DIALOGS = [
  'nodes/common/acknowledge-fields.ts',
  'nodes/common/age.ts',
  'nodes/common/broker-address.ts',
  'nodes/common/connection-label.ts',
  'nodes/common/connection-numbers.ts',
  'nodes/common/outbox-answer.ts',
  'nodes/common/sidebar-answers.ts',
  'nodes/common/test-answer.ts',
  'nodes/common/tick.ts',
  'nodes/failures',
];

const FAILURE_ID = 'nodes/failures/failure-id.ts';

/** @type {readonly Room[]} */
export const ROOMS = [
  { path: 'src/util', mayImport: [], packages: ['node:zlib'] },
  { path: 'src/protocol', mayImport: ['src/util'] },
  { path: REASON_CODES, mayImport: [] },
  { path: 'src/codec', mayImport: ['src/protocol', REASON_CODES, 'src/util'], packages: ['mqtt-packet'] },
  {
    path: 'src/transport',
    mayImport: ['src/protocol', 'src/util'],
    packages: ['node:http', 'node:net', 'node:tls', 'https-proxy-agent', 'proxy-from-env', 'ws'],
  },
  {
    path: 'src/store',
    mayImport: ['src/protocol', 'src/util'],
    packages: ['node:child_process', 'node:fs', 'node:fs/promises', 'node:path', 'classic-level'],
  },
  // For digests of messages; chance comes by `Random`.
  { path: 'src/router', mayImport: BELOW_SESSION, packages: ['node:crypto'] },
  // The session notes for whom a message is: it knows the router's receivers, and the router knows no session.
  { path: 'src/session', mayImport: [...BELOW_SESSION, 'src/router'] },
  // A connection knows no session: the client joins them.
  { path: 'src/connection', mayImport: BELOW_SESSION },
  { path: 'src/client', mayImport: ['src/connection', 'src/session', 'src/router', ...BELOW_SESSION] },
  // Tries a connection as the client would make it; node:net only tells an address from a name.
  {
    path: 'src/probe',
    mayImport: ['src/client', 'src/connection', 'src/codec', 'src/transport', 'src/protocol', 'src/util'],
    packages: ['node:net'],
  },
  {
    path: 'src/index.ts',
    mayImport: [
      'src/probe',
      'src/client',
      'src/connection',
      'src/session',
      'src/router',
      'src/store',
      'src/transport',
      'src/protocol',
      'src/util',
    ],
  },

  { path: 'nodes/common/broker-address.ts', mayImport: [] },
  { path: 'nodes/common/connection-label.ts', mayImport: ['nodes/common/broker-address.ts'] },
  { path: 'nodes/common/acknowledge-fields.ts', mayImport: [] },
  { path: 'nodes/common/age.ts', mayImport: [] },
  { path: 'nodes/common/connection-numbers.ts', mayImport: [] },
  { path: 'nodes/common/outbox-answer.ts', mayImport: [] },
  { path: 'nodes/common/sidebar-answers.ts', mayImport: ['nodes/common/connection-numbers.ts'] },
  { path: 'nodes/common/test-answer.ts', mayImport: ['nodes/common/connection-numbers.ts'] },
  { path: 'nodes/common/tick.ts', mayImport: [] },
  // The names of failures and their texts, in the browser too; only who gives an error its name knows errors.
  { path: 'nodes/failures', mayImport: [REASON_CODES] },
  { path: FAILURE_ID, mayImport: ['nodes/failures', 'src/index.ts'] },
  // Pure translation between flows and the engine: neither Node-RED nor a connection.
  { path: 'nodes/common', mayImport: [...READ_BY_DIALOGS, FAILURE_ID, 'src/index.ts'], packages: ['node:crypto'] },
  { path: 'nodes/convert', mayImport: READ_BY_DIALOGS },
  {
    path: 'nodes/cli',
    // npx runs the command without what the package depends on: of the engine it may have only what needs nothing.
    mayImport: ['nodes/convert', 'src/protocol'],
    packages: ['node:crypto', 'node:fs'],
  },
  { path: 'nodes/editor', mayImport: ['nodes/convert', ...READ_BY_DIALOGS] },
  { path: 'nodes/mqtt-connection/*.editor.ts', mayImport: ['nodes/editor', 'nodes/convert', ...READ_BY_DIALOGS] },
  { path: 'nodes/mqtt-in/*.editor.ts', mayImport: ['nodes/editor', ...READ_BY_DIALOGS] },
  { path: 'nodes/mqtt-out/*.editor.ts', mayImport: ['nodes/editor', ...READ_BY_DIALOGS] },
  { path: 'nodes/mqtt-ack/*.editor.ts', mayImport: ['nodes/editor', ...READ_BY_DIALOGS] },
  {
    path: 'nodes/mqtt-connection',
    mayImport: ['nodes/common', ...READ_BY_DIALOGS, FAILURE_ID, 'src/index.ts', 'src/util'],
    packages: [
      'node-red',
      'node:events',
      'node:fs/promises',
      'node:path',
      'node:stream',
      'node:stream/promises',
      'node:timers/promises',
    ],
  },
  // A plugin of Node-RED, which looks at the connections; its half in the browser is the files that end so.
  { path: 'nodes/sidebar/*.editor.ts', mayImport: ['nodes/editor', ...READ_BY_DIALOGS] },
  {
    path: 'nodes/metrics',
    mayImport: ['nodes/mqtt-connection', 'nodes/common', ...READ_BY_DIALOGS],
    packages: ['node-red', 'prom-client'],
  },
  {
    path: 'nodes/sidebar',
    mayImport: ['nodes/mqtt-connection', 'nodes/common', ...READ_BY_DIALOGS, 'src/index.ts'],
    packages: ['node-red', 'node:crypto'],
  },
  {
    path: 'nodes/mqtt-in',
    mayImport: ['nodes/mqtt-connection', 'nodes/common', ...READ_BY_DIALOGS, 'src/index.ts', 'src/util'],
    packages: ['node-red'],
  },
  {
    path: 'nodes/mqtt-out',
    mayImport: ['nodes/mqtt-connection', 'nodes/common', ...READ_BY_DIALOGS, 'src/index.ts'],
    packages: ['node-red'],
  },
  {
    path: 'nodes/mqtt-ack',
    mayImport: ['nodes/mqtt-connection', 'nodes/common', ...READ_BY_DIALOGS, 'src/index.ts'],
    packages: ['node-red'],
  },
];

/** Parts of Node.js that neither open anything nor tell time or chance. */
export const FREE_PACKAGES = ['node:buffer', 'node:path', 'node:url', 'node:util'];
