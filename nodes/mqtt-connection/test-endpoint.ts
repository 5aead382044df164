import type { Node, NodeAPI } from 'node-red';
import { type ClientOptions, probe, textOf } from '../../src/index.ts';
import { filled } from '../common/stored.ts';
import { TEST_PATH, type TestAnswer, type TestRequest } from '../common/test-answer.ts';
import { BadRequest } from './bad-request.ts';
import { connectionOf } from './connection-of.ts';
import { type Handler, permitted, type Request, type Response } from './permitted.ts';
import { answerOf, unusable } from './test-answer.ts';
import { namesVariable, testOptions, type Tested, type TestSources } from './test-options.ts';
import { testRequest } from './test-request.ts';
import { tlsOptionsOf } from './tls-config.ts';

/** What tries a connection. Default: the engine. */
export type Probe = typeof probe;

/**
 * Tries what is entered in the dialog of a connection, and says how it went. Needs `mqtt-connection.write`; where a field
 * is a variable of the environment, also `flows.write`, because whoever deploys may read those, and nobody else. One test
 * at a time for each user; it ends when he does not wait for it any more.
 */
export function serveTest(RED: NodeAPI, tryOut: Probe = probe): void {
  const { httpAdmin, auth } = RED;
  const mayDeploy = permitted(auth, 'flows.write');
  const running = new Set<string>();

  const test: Handler = (request, response, next) => {
    const asked = asTestRequest(request, response);
    if (asked === undefined) return;
    const begin = (): void => void answer(RED, tryOut, asked, running, request, response).catch(next);
    if (!namesVariable(asked)) return begin();
    mayDeploy(request, response, (error?: unknown) => (error === undefined ? begin() : next(error)));
  };
  httpAdmin.post(`/${TEST_PATH}`, permitted(auth, 'mqtt-connection.write'), test);
}

function asTestRequest({ body }: Request, response: Response): TestRequest | undefined {
  try {
    return testRequest(body);
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error;
    response.status(400).type('text').send(error.message);
    return undefined;
  }
}

async function answer(
  RED: NodeAPI,
  tryOut: Probe,
  asked: TestRequest,
  running: Set<string>,
  request: Request,
  response: Response,
): Promise<void> {
  const user = userOf(request);
  if (running.has(user)) return void response.status(409).type('text').send('another test of yours is under way');
  running.add(user);
  const gone = new AbortController();
  const abort = (): void => gone.abort(new Error('nobody waits for the test any more'));
  response.once('close', abort);
  try {
    response.json(await tested(RED, tryOut, asked, gone.signal));
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    response.off('close', abort);
    running.delete(user);
  }
}

/** Nobody has a name where nobody logs in. */
function userOf(request: Request): string {
  const { user } = request as { readonly user?: { readonly username?: unknown } };
  return typeof user?.username === 'string' ? user.username : '';
}

async function tested(RED: NodeAPI, tryOut: Probe, asked: TestRequest, signal: AbortSignal): Promise<TestAnswer> {
  const at = Date.now();
  let options: Tested | undefined;
  const use = () => ({ password: options?.password ?? 'none', tls: tlsNameOf(RED, asked, options?.options), at });
  try {
    options = testOptions(asked, sourcesOf(RED, asked));
    return answerOf(await tryOut(options.options, signal), use());
  } catch (error) {
    signal.throwIfAborted();
    return unusable(error instanceof Error ? error : new Error(textOf(error)), use());
  }
}

function sourcesOf(RED: NodeAPI, { id }: TestRequest): TestSources {
  const node = nodeOf(RED, id);
  return {
    resolve: (text) => valueOf(RED, node, text),
    tls: (tls) => tlsOptionsOf(filled(tls), (one) => RED.nodes.getNode(one)),
    passwordFor: (options) => connectionOf(RED, id)?.settings.passwordFor(options),
  };
}

/** Where variables are looked up: at the node itself, or, while it is not deployed, at one that all flows share. */
function nodeOf(RED: NodeAPI, id: string): Node | undefined {
  const deployed = connectionOf(RED, id) === undefined ? undefined : RED.nodes.getNode(id);
  if (deployed) return deployed;
  let shared: Node | undefined;
  RED.nodes.eachNode(({ id: one, type }) => {
    if (type === 'global-config') shared = RED.nodes.getNode(one);
  });
  return shared;
}

/** As Node-RED does it to the fields of a node when it makes it. */
function valueOf(RED: NodeAPI, node: Node | undefined, text: string): string {
  if (!/^\$\{\S+\}$|^\$\(\S+\)$/.test(text)) return text;
  const util = RED.util as unknown as { getSetting(node: Node | undefined, name: string): unknown };
  const value = util.getSetting(node, text.slice(2, -1));
  return value === undefined ? text : textOf(value);
}

function tlsNameOf(RED: NodeAPI, { tls }: TestRequest, options: ClientOptions | undefined): string | undefined {
  if (tls === '' || options === undefined || !/^(mqtts|ssl|tls|wss):/i.test(options.server)) return undefined;
  const node = RED.nodes.getNode(tls) as Node | null;
  return node?.name || tls;
}
