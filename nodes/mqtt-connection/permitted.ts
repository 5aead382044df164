import type { NodeAPI } from 'node-red';

export type Handler = ReturnType<NodeAPI['auth']['needsPermission']>;
export type Request = Parameters<Handler>[0];
export type Response = Parameters<Handler>[1];

/** A page of another site can make a browser send a form or a text without asking, but no JSON. */
function mayBeAnotherSites({ method, headers }: Request): boolean {
  return method === 'POST' && !/^application\/json\b/i.test(headers['content-type'] ?? '');
}

/** Lets pass who has the permission; Node-RED refuses all others with 401, mostly without a word, and this says why. */
export function permitted(auth: NodeAPI['auth'], permission: string): Handler {
  const check = auth.needsPermission(permission);
  const sentence = `you need to be logged in, with the permission ${permission}`;
  return (request, response, next) => {
    const end = response.end.bind(response);
    const refuse = (...words: Parameters<Response['end']>): Response => {
      response.end = end;
      return response.statusCode === 401 ? response.type('text').end(sentence) : end(...words);
    };
    response.end = refuse as Response['end'];
    check(request, response, (error?: unknown) => {
      response.end = end;
      if (error === undefined && mayBeAnotherSites(request)) {
        return void response.status(415).type('text').send('send what you ask as application/json');
      }
      next(error);
    });
  };
}
