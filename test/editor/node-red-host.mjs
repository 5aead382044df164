// A Node-RED of its own for the editor tests: prints its port as JSON when it is ready, ends when its input ends.
// Usage: node-red-host.mjs <user directory> <options as JSON, see node-red-process.ts>
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

// That under test, where another one is: its folder, which a bare `import` would not take.
const RED = createRequire(import.meta.url)(process.env.POSTHORN_NODE_RED ?? 'node-red');

const userDir = process.argv[2];
const { root = '/', users } = JSON.parse(process.argv[3] ?? '{}');
const server = createServer((request, response) => {
  if (root !== '/') request.url = request.url.startsWith(root) ? `/${request.url.slice(root.length)}` : '/nowhere';
  RED.httpAdmin(request, response);
});

RED.init(server, {
  userDir,
  flowFile: 'flows.json',
  credentialSecret: 'editor tests',
  httpAdminRoot: root,
  httpNodeRoot: false,
  ...(users !== undefined && { adminAuth: authOf(users) }),
  telemetry: { enabled: false, updateNotification: false },
  editorTheme: { tours: false, projects: { enabled: false }, palette: { catalogues: [] } },
  logging: { console: { level: 'warn', metrics: false, audit: false } },
});

server.listen(0, '127.0.0.1');
await once(server, 'listening');
await RED.start();
process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);

process.stdin.resume();
await once(process.stdin, 'end');
await RED.stop();
process.exit(0);

/** Everybody's password is his name. */
function authOf(permissionsByName) {
  const find = async (username) =>
    Object.hasOwn(permissionsByName, username) ? { username, permissions: permissionsByName[username] } : null;
  const authenticate = async (username, password) => (username === password ? find(username) : null);
  return { type: 'credentials', users: find, authenticate };
}
