import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { endOf } from './run.mjs';
import { USER_DIRECTORY } from './user-directory.mjs';

/** Node-RED closes its nodes within this time, or is ended. */
const STOP_DEADLINE_MS = 3500;

const NODE_MODULES = new URL('../../node_modules/', import.meta.url);

/**
 * Starts Node-RED on the demo's user directory.
 *
 * @param {AbortSignal} signal ends the wait for it
 * @returns {Promise<{ ended: Promise<string>, stop(): Promise<void> }>} once the editor can be opened; `ended` settles
 *   with how it ended when the process is gone
 * @throws {Error} when it ends before it listens
 */
export async function startNodeRed(signal) {
  const child = fork(modulePath('node-red/red.js'), ['--userDir', USER_DIRECTORY], {
    execPath: nodeForNodeRed(),
    // In a group of its own: Ctrl-C reaches it through stop(), while the broker is still there for its last message.
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code, by]) => endOf(code, by));
  const nodeRed = { ended, stop: () => stop(child, ended) };
  try {
    await untilListening(child, ended, signal);
  } catch (error) {
    await nodeRed.stop();
    throw error;
  }
  return nodeRed;
}

// Node-RED 5 does not run on Node 20: the development dependency `node` brings the version that it runs on.
function nodeForNodeRed() {
  const own = ['node/bin/node', 'node/bin/node.exe'].map(modulePath).find((path) => existsSync(path));
  return own ?? process.execPath;
}

function modulePath(path) {
  return fileURLToPath(new URL(path, NODE_MODULES));
}

async function untilListening(child, ended, signal) {
  const endedEarly = ended.then((how) => {
    throw new Error(`Node-RED ended ${how} before it was ready`);
  });
  await Promise.race([once(child, 'message', { signal }), endedEarly]);
  endedEarly.catch(() => {}); // from here on its end is the caller's to report
}

async function stop(child, ended) {
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(deadline);
}
