import type { Node, NodeMessage } from 'node-red';
import { MqttError, shownText, textOf } from '../../src/index.ts';
import { handToCatchNodes } from './catch-error.ts';

/** Milliseconds in which errors of one kind are counted, behind the first. */
const WINDOW = 1000;
/** Kinds of errors that are counted at once; one more is written as it comes. */
const MOST_KINDS = 100;

interface Repeats {
  /** Those that no Catch node took. */
  unheard: number;
  last: string;
}

/**
 * Many errors of one kind are one line in the log, and another with their number: a connection that is lost may fail a
 * hundred thousand messages in one moment. Catch nodes hear of each. The node gets an `error` of its own, which Node-RED
 * calls for each message that fails, in front of the one that all nodes share.
 *
 * @returns writes what is still counted, and ends the counting
 */
export function countRepeatedErrors(node: Node): () => void {
  const repeats = new Map<string, Repeats>();
  let timer: NodeJS.Timeout | undefined;

  Object.defineProperty(node, 'error', { value: hear, configurable: true, writable: true });
  return () => {
    tell();
    clearTimeout(timer);
  };

  function hear(error: unknown, msg?: NodeMessage): void {
    const kind = kindOf(error);
    const repeated = repeats.get(kind);
    if (repeated !== undefined) return count(repeated, error, msg);
    if (repeats.size < MOST_KINDS) repeats.set(kind, { unheard: 0, last: '' });
    timer ??= setTimeout(tell, WINDOW).unref();
    write(error, msg);
  }

  function count(repeated: Repeats, error: unknown, msg: NodeMessage | undefined): void {
    const isCaught = msg === undefined ? false : handToCatchNodes(node, error, msg);
    if (isCaught === undefined) return write(error, msg);
    if (isCaught) return;
    repeated.unheard += 1;
    repeated.last = shownText(textOf(error));
  }

  function tell(): void {
    timer = undefined;
    for (const [kind, { unheard, last }] of repeats) {
      repeats.delete(kind);
      if (unheard === 1) write(last);
      else if (unheard > 1) write(`${unheard} more like this, the last: ${last}`);
    }
  }

  function write(error: unknown, msg?: NodeMessage): void {
    (Object.getPrototypeOf(node) as Node).error.call(node, error, msg);
  }
}

/** Errors of the engine are of one kind by their code: their sentences name topics. */
function kindOf(error: unknown): string {
  return error instanceof MqttError ? error.code : textOf(error);
}
