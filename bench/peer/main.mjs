// The MQTT side of the benchmark, in a process of its own so that its CPU time is not Node-RED's.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerQuestions } from '../helper-process.mjs';
import { PeerConnection } from './connection.mjs';
import { publishes } from './packets.mjs';

const PATIENCE_MS = 30_000;
const what = JSON.parse(process.argv[2]);
let connection;
let flood;
let publishesSeen = 0;

const server = createServer({ noDelay: true }, (socket) => {
  connection = new PeerConnection(socket, what.subscriptionIds);
});

answerQuestions(async (question) => {
  switch (question.type) {
    case 'listen':
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return { port: server.address().port };
    case 'expect-subscriptions':
      await until(
        () => connection.subscriptions.size === question.count,
        () => connection.subscriptions.size,
      );
      flood = publishes(what, connection.subscriptions);
      return {};
    case 'flood':
      await connection.flood(flood);
      return {};
    case 'expect-publishes': {
      const expected = publishesSeen + question.count;
      await until(
        () => connection.publishesReceived === expected,
        () => connection.publishesReceived - publishesSeen,
      );
      publishesSeen = expected;
      return {};
    }
    default:
      throw new Error(`no such question: ${question.type}`);
  }
});

async function until(condition, seen) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > deadline) {
      throw new Error(`expected another count, saw ${seen()}`);
    }
    await sleep(20);
  }
}
