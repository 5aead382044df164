// One Node-RED process of the benchmark: no editor, no HTTP, the flow of its user directory.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import RED from 'node-red';
import { answerQuestions } from '../helper-process.mjs';

const meter = createRequire(import.meta.url)('./meter.cjs'); // the same instance as the nodes have
const { userDir } = JSON.parse(process.argv[2]);
const CONNECT_MS = 30_000;

let window;

answerQuestions(async (question) => {
  switch (question.type) {
    case 'start':
      return start(question);
    case 'arm':
      window = meter.measure(question.messages, question.watchTimers);
      return {};
    case 'window':
      meter.send?.(question.send);
      return window;
    default:
      throw new Error(`no such question: ${question.type}`);
  }
});

async function start({ watched }) {
  RED.init({
    userDir,
    flowFile: 'flows.json',
    nodesDir: fileURLToPath(new URL('nodes', import.meta.url)),
    httpAdminRoot: false,
    httpNodeRoot: false,
    disableEditor: true,
    credentialSecret: false,
    logging: { console: { level: 'error', metrics: false, audit: false } },
    mqttReconnectTime: 1000,
  });
  const signal = AbortSignal.timeout(CONNECT_MS);
  const started = once(RED.runtime.events, 'flows:started', { signal });
  const connected = watched === undefined ? undefined : green(watched, signal);
  try {
    await Promise.all([RED.start(), started, connected]);
  } catch (error) {
    throw new Error(`the flow is not connected within ${CONNECT_MS / 1000} s, or its node types are missing`, {
      cause: error,
    });
  }
  return {};
}

async function green(id, signal) {
  for (;;) {
    const [event] = await once(RED.runtime.events, 'node-status', { signal });
    if (event.id === id && event.status.fill === 'green') {
      return;
    }
  }
}
