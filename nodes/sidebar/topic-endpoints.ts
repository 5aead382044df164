import type { NodeAPI } from 'node-red';
import { textOf } from '../../src/index.ts';
import { SEEN_TOPICS_PATH, WATCHES_PATH } from '../common/sidebar-answers.ts';
import { BadRequest } from '../mqtt-connection/bad-request.ts';
import type { LiveConnections } from '../mqtt-connection/live-connections.ts';
import { permitted, type Request, type Response } from '../mqtt-connection/permitted.ts';
import { lookRequest, testMessage, watchRequest } from './requests.ts';
import { MOST_WATCHES, type TopicWatches } from './topic-watches.ts';

/** Topics of one answer to who types one, and characters of what he typed. */
const MOST_OFFERED = 50;
const LONGEST_TYPED = 1000;

type Answer = (request: Request, response: Response) => void | Promise<void>;

/** Watches of topics, each with the rights of who asks. */
export function serveTopics(RED: NodeAPI, live: LiveConnections, watches: TopicWatches): void {
  const { httpAdmin, auth } = RED;
  const read = permitted(auth, 'mqtt-connection.read');
  const write = permitted(auth, 'mqtt-connection.write');
  const path = `/${WATCHES_PATH}`;

  httpAdmin.post(
    path,
    read,
    sensible((request, response) => {
      const asked = watchRequest(request.body);
      const found = live.find(asked.connection);
      if (found === undefined) return say(response, 404, 'there is no such connection');
      if (watches.isFull) return say(response, 429, `${MOST_WATCHES} watches are open, and no more can be`);
      response.json({ watch: begun(() => watches.begin(asked, found.connection)) });
    }),
  );

  httpAdmin.post(
    `${path}/:watch/look`,
    read,
    sensible(({ params, body }, response) => {
      const asked = lookRequest(body);
      const watch = watches.find(String(params['watch']));
      // One that is over is no error in the browser's console.
      if (watch === undefined) return void response.sendStatus(204);
      response.json(watch.look(asked));
    }),
  );

  httpAdmin.post(
    `${path}/:watch/publish`,
    write,
    sensible(async ({ params, body }, response) => {
      const message = testMessage(body);
      const watch = watches.find(String(params['watch']));
      if (watch === undefined) return say(response, 404, 'the watch is over');
      response.json(await watch.publish(message));
    }),
  );

  httpAdmin.delete(`${path}/:watch`, read, ({ params }, response) => {
    watches.find(String(params['watch']))?.end();
    response.sendStatus(204);
  });

  httpAdmin.get(
    `/${SEEN_TOPICS_PATH}/:id`,
    read,
    sensible(({ params, query }, response) => {
      const { text } = query;
      if (typeof text !== 'string' || text.length > LONGEST_TYPED) {
        throw new BadRequest(`text must be a text of at most ${LONGEST_TYPED} characters`);
      }
      const id = String(params['id']);
      const recent = live.find(id)?.connection.recentTopics ?? [];
      response.json({ topics: matching(text.toLowerCase(), [watches.topicsOf(id), recent]) });
    }),
  );
}

/** Answers 400 and a sentence to what makes no sense. */
function sensible(answer: Answer): (request: Request, response: Response, next: (error: unknown) => void) => void {
  return (request, response, next) => {
    const failed = (error: unknown): void =>
      error instanceof BadRequest ? say(response, 400, error.message) : next(error);
    try {
      Promise.resolve(answer(request, response)).catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}

/** @throws {BadRequest} */
function begun(begin: () => string): string {
  try {
    return begin();
  } catch (error) {
    throw new BadRequest(textOf(error), { cause: error });
  }
}

function say(response: Response, status: number, sentence: string): void {
  response.status(status).type('text').send(sentence);
}

function matching(text: string, sources: readonly Iterable<string>[]): string[] {
  const found = new Set<string>();
  for (const topics of sources) {
    for (const topic of topics) {
      if (found.size >= MOST_OFFERED) return [...found];
      if (topic.toLowerCase().includes(text)) found.add(topic);
    }
  }
  return [...found];
}
