import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NodeAPI } from 'node-red';
import { exportedMessage } from '../common/exported-message.ts';
import { OUTBOX_PATH, type OutboxAnswer } from '../common/outbox-answer.ts';
import { connectionOf } from './connection-of.ts';
import type { SharedConnection } from './shared-connection.ts';

/** Messages in one turn of the event loop: what is written meanwhile waits that long. */
const MESSAGES_PER_TURN = 200;

/** Where an answer goes. */
interface Answering {
  json(answer: OutboxAnswer): unknown;
  sendStatus(status: number): unknown;
}

type Pages = ReturnType<SharedConnection['waitingMessages']>;

const NOTHING = { messages: 0, bytes: 0, oldest: undefined };

/** Nobody can say what waits. */
const UNKNOWN: OutboxAnswer = { isKnown: false, messages: 0, bytes: 0, oldest: 0 };

/**
 * What the dialog of a connection asks, with the rights of who asks: how much waits, to have it, to discard it.
 * @param hasSession whether something may be kept for a node that does not run, because the flows do not; never rejects.
 */
export function serveOutbox(RED: NodeAPI, hasSession: (id: string) => Promise<boolean>): void {
  const { httpAdmin, auth } = RED;
  const path = `/${OUTBOX_PATH}/:id`;
  httpAdmin.get(path, auth.needsPermission('mqtt-connection.read'), ({ params }, response) => {
    const connection = connectionOf(RED, params['id']);
    if (connection !== undefined) response.json(answerOf(connection));
    else void answerWithout(hasSession(String(params['id'])), response);
  });
  // One who may only look may see what a flow would show him too.
  httpAdmin.get(`${path}/messages`, auth.needsPermission('mqtt-connection.read'), ({ params }, response) => {
    const connection = connectionOf(RED, params['id']);
    if (connection === undefined) return void response.sendStatus(404);
    response.type('application/x-ndjson');
    // A reader that goes away needs no more.
    pipeline(Readable.from(lines(connection.waitingMessages(), Date.now())), response).catch(() => undefined);
  });
  httpAdmin.delete(`${path}/messages`, auth.needsPermission('mqtt-connection.write'), ({ params }, response) => {
    const connection = connectionOf(RED, params['id']);
    if (connection === undefined) return void response.sendStatus(404);
    connection.discardUnsent();
    response.json(answerOf(connection));
  });
}

/** It never rejects, as long as its question does not. */
async function answerWithout(hasSession: Promise<boolean>, response: Answering): Promise<void> {
  if (await hasSession) response.json(UNKNOWN);
  // The dialog asks for one that was not deployed yet: that is no error in the browser's console.
  else response.sendStatus(204);
}

function answerOf({ outbox, settings }: SharedConnection): OutboxAnswer {
  const { messages, bytes, oldest = 0 } = outbox ?? NOTHING;
  return {
    isKnown: outbox !== undefined && settings.hasWholeSession,
    messages,
    bytes,
    oldest: Math.floor(oldest / 1000),
  };
}

/** JSON, one message a line. */
async function* lines(pages: Pages, now: number): AsyncGenerator<string> {
  for await (const messages of pages) {
    for (let start = 0; start < messages.length; start += MESSAGES_PER_TURN) {
      const some = messages.slice(start, start + MESSAGES_PER_TURN);
      yield some.map((message) => `${JSON.stringify(exportedMessage(message, now))}\n`).join('');
      await nextTurn();
    }
  }
}
