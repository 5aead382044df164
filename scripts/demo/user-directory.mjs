import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCredentials, sealCredentials } from './credentials.mjs';
import { EXAMPLE_BROKER, brokerFields, connectionsTo, credentialsIn, demoFlow, pointAt } from './flow.mjs';
import { run } from './run.mjs';
import { settingsFile } from './settings.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PACKAGE = '@posthorn/node-red-mqtt';

/** Node-RED's user directory of the demo: the only place where the demo writes. A test gives it another one. */
export const USER_DIRECTORY = process.env.POSTHORN_DEMO_DIRECTORY ?? join(ROOT, '.demo');

const inUserDirectory = (name) => join(USER_DIRECTORY, name);
const MANIFEST = inUserDirectory('package.json');
const SETTINGS = inUserDirectory('settings.js');
const FLOW = inUserDirectory('flows.json');
const CREDENTIALS = inUserDirectory('flows_cred.json');
const BROKER = inUserDirectory('broker.json');

/** Forgets everything that earlier starts left. */
export function resetUserDirectory() {
  rmSync(USER_DIRECTORY, { recursive: true, force: true });
}

/**
 * Makes the user directory ready for Node-RED: the package installed, the settings, and on the first start the flow.
 *
 * @param {{ editorPort: number, broker: { url?: URL, port?: number }, signal: AbortSignal }} options
 */
export async function prepareUserDirectory({ editorPort, broker, signal }) {
  mkdirSync(USER_DIRECTORY, { recursive: true });
  if (!existsSync(MANIFEST)) writeJson(MANIFEST, { name: 'posthorn-demo', private: true });
  if (!packageIsLinked()) await installPackage(signal);
  writeFileSync(SETTINGS, settingsFile(editorPort));
  writeFlow(broker);
}

function packageIsLinked() {
  const folder = join(USER_DIRECTORY, 'node_modules', PACKAGE);
  return existsSync(folder) && realpathSync(folder) === realpathSync(ROOT);
}

// As a person would. `npm install <folder>` links the folder, whose dependencies are installed already, so that nothing
// is downloaded; --ignore-scripts, because it has just been built.
async function installPackage(signal) {
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error', ROOT];
  const options = { cwd: USER_DIRECTORY, signal };
  const npm = process.env.npm_execpath;
  if (npm?.endsWith('.js')) return run(process.execPath, [npm, ...args], options);
  return run('npm', args, { ...options, shell: process.platform === 'win32' });
}

// From the second start on the flow is the person's; only the connections that pointed at the broker of the start
// before follow to the broker of this one.
function writeFlow(broker) {
  const isFirstStart = !existsSync(FLOW);
  const flow = isFirstStart ? demoFlow() : readJson(FLOW);
  const before = isFirstStart ? EXAMPLE_BROKER : readJson(BROKER);
  const now = brokerFields(broker);
  const connections = connectionsTo(flow, before);
  writeJson(FLOW, pointAt(flow, connections, now));
  writeJson(BROKER, now);
  writeCredentials(connections, credentialsIn(broker.url), before.broker !== now.broker);
}

// A password that was meant for one broker must not reach another.
function writeCredentials(connections, credentials, brokerChanged) {
  const stored = existsSync(CREDENTIALS) ? openCredentials(readJson(CREDENTIALS)) : {};
  for (const { id } of connections) {
    if (credentials !== undefined) stored[id] = credentials;
    else if (brokerChanged) delete stored[id];
  }
  writeJson(CREDENTIALS, sealCredentials(stored));
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new Error(`${path} cannot be read (${cause.message}); "npm start -- --reset" starts over`, { cause });
  }
}

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
}
