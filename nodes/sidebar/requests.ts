import { parseTopicFilter, parseTopicName, textOf } from '../../src/index.ts';
import type { LookRequest, TestMessage, WatchRequest } from '../common/sidebar-answers.ts';
import { BadRequest, objectIn } from '../mqtt-connection/bad-request.ts';

/** Rows of one answer, levels that are opened or closed by one request, and characters of a search. */
export const MOST_ROWS = 200;
const MOST_LEVELS = 200;
const LONGEST_SEARCH = 200;

/** Bytes of a test message. */
const LARGEST_TEST = 1024 * 1024;

/** @throws {BadRequest} */
export function watchRequest(body: unknown): WatchRequest {
  const { connection, filter, qos } = objectIn('the request', body);
  if (typeof connection !== 'string') throw new BadRequest('connection must be the id of a connection');
  if (typeof filter !== 'string') throw new BadRequest('filter must be a text');
  check(() => parseTopicFilter(filter));
  // Who joins those that share a subscription takes messages away from them.
  if (filter.startsWith('$share/'))
    throw new BadRequest('a shared subscription cannot be watched: it would take messages away from the flows');
  return { connection, filter, qos: qosIn(qos) };
}

/** @throws {BadRequest} */
export function lookRequest(body: unknown): LookRequest {
  const { first, count, open, close, search, selected, paused } = objectIn('the request', body);
  if (typeof search !== 'string' || search.length > LONGEST_SEARCH) {
    throw new BadRequest(`search must be a text of at most ${LONGEST_SEARCH} characters`);
  }
  if (typeof paused !== 'boolean') throw new BadRequest('paused must be true or false');
  return {
    first: wholeIn('first', first, Number.MAX_SAFE_INTEGER),
    count: wholeIn('count', count, MOST_ROWS),
    open: levelsIn('open', open),
    close: levelsIn('close', close),
    search,
    selected: selected === null ? null : wholeIn('selected', selected, Number.MAX_SAFE_INTEGER),
    paused,
  };
}

/** @throws {BadRequest} */
export function testMessage(body: unknown): TestMessage {
  const { topic, payload, qos, retain } = objectIn('the request', body);
  if (typeof topic !== 'string') throw new BadRequest('topic must be a text');
  check(() => parseTopicName(topic));
  if (typeof payload !== 'string' || Buffer.byteLength(payload) > LARGEST_TEST) {
    throw new BadRequest(`payload must be a text of at most ${LARGEST_TEST} bytes`);
  }
  if (typeof retain !== 'boolean') throw new BadRequest('retain must be true or false');
  return { topic, payload, qos: qosIn(qos), retain };
}

function qosIn(value: unknown): 0 | 1 | 2 {
  if (value === 0 || value === 1 || value === 2) return value;
  throw new BadRequest('qos must be 0, 1 or 2');
}

function wholeIn(name: string, value: unknown, highest: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= highest) return value;
  throw new BadRequest(`${name} must be a whole number from 0 to ${highest}`);
}

function levelsIn(name: string, value: unknown): number[] {
  if (!Array.isArray(value) || value.length > MOST_LEVELS) {
    throw new BadRequest(`${name} must be a list of at most ${MOST_LEVELS} numbers`);
  }
  return value.map((id) => wholeIn(name, id, Number.MAX_SAFE_INTEGER));
}

function check(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    throw new BadRequest(textOf(error), { cause: error });
  }
}
