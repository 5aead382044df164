// A Node-RED of its own for the editor tests: prints its port as JSON when it is ready, ends when its input ends.
import { once } from 'node:events';
import { createServer } from 'node:http';
import RED from 'node-red';

const userDir = process.argv[2];
const server = createServer((request, response) => RED.httpAdmin(request, response));

RED.init(server, {
  userDir,
  flowFile: 'flows.json',
  credentialSecret: 'editor tests',
  httpAdminRoot: '/',
  httpNodeRoot: false,
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
