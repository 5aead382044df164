// `npm start`: a broker, Node-RED with this package, and a flow to look at, in one command. See --help.
import { once } from 'node:events';
import { HELP, UsageError, parseArguments } from './demo/arguments.mjs';
import { startBroker } from './demo/broker.mjs';
import { build, isBuilt } from './demo/build.mjs';
import { startNodeRed } from './demo/node-red.mjs';
import { HOST, freePort } from './demo/ports.mjs';
import { editorAddress } from './demo/settings.mjs';
import { markRunning, throwIfRunning } from './demo/single-start.mjs';
import { prepareUserDirectory, resetUserDirectory } from './demo/user-directory.mjs';

const BROKER_PORT = 1883;
const STOP_DEADLINE_MS = 5000;
const PARENT_CHECK_MS = 500;

const say = (line) => process.stdout.write(`${line}\n`);

try {
  await main(parseArguments(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`posthorn: ${error.message}\n`);
  if (error instanceof UsageError) process.stderr.write('"npm start -- --help" tells what there is.\n');
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(options) {
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const signal = untilStopped();
  try {
    await demo(options, signal);
  } catch (error) {
    if (!signal.aborted) throw error; // else it is only how the stop reached what was under way
  }
}

/** Aborted when the person or the system asks for the end. */
function untilStopped() {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => controller.abort());
  if (process.env.npm_lifecycle_event !== undefined) onParentGone(() => controller.abort());
  // The last resort, should anything hold on: the end comes in time.
  controller.signal.addEventListener('abort', () => setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref());
  return controller.signal;
}

// A SIGTERM for npm ends npm and its shell, which does not pass it on: this process then has another parent.
function onParentGone(listener) {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && listener(), PARENT_CHECK_MS).unref();
}

async function demo({ broker: url, port, reset }, signal) {
  await throwIfRunning();
  if (reset) resetUserDirectory();
  if (!isBuilt()) {
    say('Building …');
    await build(signal);
  }
  const editorPort = await portFor('Node-RED', port);
  const broker = url === undefined ? await startBuiltInBroker() : { url, close: async () => {} };
  try {
    await prepareUserDirectory({ editorPort, broker, signal });
    await runNodeRed({ editorPort, broker, signal });
  } finally {
    await broker.close();
  }
}

async function startBuiltInBroker() {
  const port = await portFor('the broker', BROKER_PORT);
  return { port, ...(await startBroker(port)) };
}

async function portFor(whom, wanted) {
  const port = await freePort(wanted);
  if (port !== wanted) say(`Port ${wanted} is taken: ${whom} uses ${port} instead.`);
  return port;
}

async function runNodeRed({ editorPort, broker, signal }) {
  say('Starting Node-RED …');
  const nodeRed = await startNodeRed(signal);
  const unmark = markRunning(editorPort);
  try {
    welcome(editorPort, broker);
    await untilEnd(nodeRed, signal);
  } finally {
    await nodeRed.stop();
    unmark();
  }
}

function welcome(editorPort, { url, port }) {
  const broker = url === undefined ? `mqtt://${HOST}:${port} (built in)` : `${url.protocol}//${url.host}`;
  say(`\nBroker: ${broker}\nOpen ${editorAddress(editorPort)} in a browser. Stop with Ctrl-C.\n`);
}

async function untilEnd(nodeRed, signal) {
  const ended = await Promise.race([nodeRed.ended, once(signal, 'abort').then(() => undefined)]);
  if (ended !== undefined) throw new Error(`Node-RED ended ${ended}`);
  say('Stopping …');
}
