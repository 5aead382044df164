import type { Node, NodeMessage } from 'node-red';
import { MqttError, shownText, textOf } from '../../src/index.ts';
import { handToCatchNodes } from './catch-error.ts';
import { Repeats } from './repeats.ts';

/**
 * Many errors of one kind are one line in the log, and another with their number: a connection that is lost may fail a
 * hundred thousand messages in one moment. Catch nodes hear of each. The node gets an `error` of its own, which Node-RED
 * calls for each message that fails, in front of the one that all nodes share.
 *
 * @returns what counts them: to be told what is counted, and ended with the node
 */
export function countRepeatedErrors(node: Node): Repeats {
  const repeats = new Repeats(write);
  Object.defineProperty(node, 'error', { value: hear, configurable: true, writable: true });
  return repeats;

  function hear(error: unknown, msg?: NodeMessage): void {
    const kind = kindOf(error);
    if (repeats.isFirst(kind)) return write(error, msg);
    const isCaught = msg === undefined ? false : handToCatchNodes(node, error, msg);
    if (isCaught === undefined) return write(error, msg);
    if (!isCaught) repeats.count(kind, shownText(textOf(error)));
  }

  function write(error: unknown, msg?: NodeMessage): void {
    (Object.getPrototypeOf(node) as Node).error.call(node, error, msg);
  }
}

/** Errors of the engine are of one kind by their code: their sentences name topics. */
function kindOf(error: unknown): string {
  return error instanceof MqttError ? error.code : textOf(error);
}
