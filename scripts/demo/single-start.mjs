import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answers } from './ports.mjs';
import { editorAddress } from './settings.mjs';
import { USER_DIRECTORY } from './user-directory.mjs';

const RUNNING = join(USER_DIRECTORY, 'running.json');

/**
 * Two starts must not share the user directory: they would overwrite each other's flow.
 *
 * @throws {Error} while another start runs, with its address
 */
export async function throwIfRunning() {
  if (!existsSync(RUNNING)) return;
  const { pid, port } = JSON.parse(readFileSync(RUNNING, 'utf8'));
  // Both, because after a crash the file is left behind, and its process id or port may be somebody else's by now.
  if (isAlive(pid) && (await answers(port))) {
    throw new Error(`the demo runs already (process ${pid}): ${editorAddress(port)}`);
  }
}

/**
 * Notes that this process runs the demo.
 *
 * @returns {() => void} to be called at its end
 */
export function markRunning(port) {
  writeFileSync(RUNNING, JSON.stringify({ pid: process.pid, port }));
  return () => rmSync(RUNNING, { force: true });
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM'; // alive, but another user's
  }
}
