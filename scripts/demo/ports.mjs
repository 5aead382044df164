import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Servers of the demo are for this computer only. */
export const HOST = '127.0.0.1';

const PORTS_TO_TRY = 50;

/**
 * The first free port, from `wanted` upwards.
 *
 * @param {number} wanted
 * @throws {Error} when none of the next fifty is free
 */
export async function freePort(wanted) {
  const last = Math.min(wanted + PORTS_TO_TRY - 1, 65_535);
  for (let port = wanted; port <= last; port += 1) {
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${wanted} to ${last}`);
}

// Both are asked: macOS lets a server listen on 127.0.0.1 beside another one that listens on all addresses, and a
// firewall may refuse the connection where a server does listen.
async function isFree(port) {
  return !(await answers(port)) && (await canListen(port));
}

/** Whether a server accepts connections there. */
export async function answers(port) {
  const socket = connect(port, HOST);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // refused: nobody is there
  } finally {
    socket.destroy();
  }
}

async function canListen(port) {
  const server = createServer();
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
    return true;
  } catch {
    return false; // in use, or below 1024 and not allowed
  } finally {
    server.close();
  }
}
