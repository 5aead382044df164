// The Node-RED of the long run: publishes through its mqtt-out nodes, and writes down what became of each message and
// what arrived. Its parent asks over IPC; it ends when its parent does.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import RED from 'node-red';

const { userDir, reconnectTime } = JSON.parse(process.argv[2]);

/** Core nodes that no flow here has: to load what they need takes a third of the start. */
const UNUSED = [
  '06-httpproxy.js',
  '10-file.js',
  '21-httpin.js',
  '21-httprequest.js',
  '22-websocket.js',
  '23-watch.js',
  '31-tcpin.js',
  '32-udp.js',
  '70-CSV.js',
  '70-HTML.js',
  '70-JSON.js',
  '70-XML.js',
  '70-YAML.js',
  '90-exec.js',
];

/** By mqtt-out: how many messages it was given, and the numbers by what was told of them. */
const given = {};
/** By topic and sink: the numbers in the order in which they came. */
const arrivals = {};
let starts = 0;
let generating;
/** What {@link fill} gives. */
const filling = { node: undefined, messages: 0, size: 0, given: 0, done: 0 };
/** What {@link watch} saw. */
let watched;
/** By sink: how many messages came, where nobody asks which. */
const counts = {};

globalThis.reliability = {
  arrived(topic, sink, number) {
    const key = `${topic} ${sink}`;
    (arrivals[key] ??= []).push(number);
  },
  counted(sink) {
    counts[sink] = (counts[sink] ?? 0) + 1;
  },
};

const server = createServer((request, response) => RED.httpAdmin(request, response));
RED.init(server, {
  userDir,
  flowFile: 'flows.json',
  credentialSecret: 'long run',
  nodesDir: fileURLToPath(new URL('nodes', import.meta.url)),
  httpAdminRoot: '/',
  httpNodeRoot: false,
  disableEditor: true,
  nodesExcludes: UNUSED,
  runtimeState: { enabled: true },
  mqttReconnectTime: reconnectTime,
  telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: 'info', metrics: false, audit: false } },
});
RED.events.on('flows:started', () => (starts += 1));
RED.hooks.add('onComplete.reliability', ({ node, msg, error }) => {
  if (node.id === filling.node) return filled(error);
  const record = given[node.id];
  if (record !== undefined && msg.number !== undefined) {
    (record[error ? 'failed' : 'done'] ??= []).push(msg.number);
    if (error) record.why = String(error);
  }
});

server.listen(0, '127.0.0.1');
await once(server, 'listening');
await RED.start();

process.on('message', (question) => process.send({ id: question.id, answer: answer(question) }));
process.on('disconnect', () => process.exit());
process.once('SIGTERM', () => void end());
process.send({ id: 0, answer: { port: server.address().port } });

/** A failure to stop in order ends the process as well, with a code that says so. */
async function end() {
  await RED.stop();
  process.exit();
}

function answer({ type, ...options }) {
  switch (type) {
    case 'generate':
      return generate(options);
    case 'fill':
      return fill(options);
    case 'filled':
      return filling.done;
    case 'starts':
      return starts;
    case 'report':
      return { given, arrivals };
    case 'watch':
      return watch();
    case 'flat-from':
      Object.assign(watched, {
        leastBytes: Infinity,
        mostBytes: 0,
        heapBefore: watched.leastHeap,
        leastHeap: Infinity,
      });
      return null;
    case 'watched':
      return { ...watched, counts };
    default:
      throw new Error(`no such question: ${type}`);
  }
}

/** From now on the event loop and the memory of the process are watched. */
function watch() {
  watched = { longestGapMs: 0, leastBytes: Infinity, mostBytes: 0, heapBefore: Infinity, leastHeap: Infinity };
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    watched.longestGapMs = Math.max(watched.longestGapMs, now - last);
    last = now;
  }, 5).unref();
  setInterval(() => {
    const { rss, heapUsed } = process.memoryUsage();
    watched.leastBytes = Math.min(watched.leastBytes, rss);
    watched.mostBytes = Math.max(watched.mostBytes, rss);
    watched.leastHeap = Math.min(watched.leastHeap, heapUsed);
  }, 100).unref();
  return null;
}

/** From now on each of the nodes gets a message every so many milliseconds; 0: none any more. */
function generate({ nodes, everyMs }) {
  clearInterval(generating);
  generating = everyMs === 0 ? undefined : setInterval(() => nodes.forEach(give), everyMs);
  return null;
}

/** Messages that were given and are not done, at most. */
const UNDER_WAY = 500;

function fill(options) {
  Object.assign(filling, { ...options, given: 0, done: 0 });
  giveMore();
  return null;
}

function giveMore() {
  const node = RED.nodes.getNode(filling.node);
  while (filling.given < filling.messages && filling.given - filling.done < UNDER_WAY) {
    node.receive({ payload: String(filling.given).padEnd(filling.size) });
    filling.given += 1;
  }
}

function filled(error) {
  if (error) throw new Error(`a message that fills was refused: ${error}`);
  filling.done += 1;
  if (filling.given - filling.done <= UNDER_WAY / 2) giveMore();
}

function give(id) {
  const node = RED.nodes.getNode(id);
  // One that is gone, or closed so far that Node-RED itself gives it nothing any more, has accepted nothing.
  if (!node?._inputCallback) return;
  const record = (given[id] ??= { accepted: 0, done: [], failed: [] });
  const number = record.accepted;
  record.accepted += 1;
  node.receive({ payload: String(number), number });
}
