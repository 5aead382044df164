import type { Node, NodeMessage } from 'node-red';
import { MqttError, shownText, textOf } from '../../src/index.ts';
import { handToCatchNodes } from './catch-error.ts';
import { Repeats } from './repeats.ts';

type Write = (error: unknown, msg?: NodeMessage) => void;

/**
 * Many errors of one kind are one line in the log, and another with their number: a connection that is lost may fail a
 * hundred thousand messages in one moment. Catch nodes hear of each.
 */
export class RepeatedErrors {
  /** What is counted: to be told, and ended with the node. */
  readonly repeats: Repeats;
  readonly #node: Node;
  readonly #write: Write;

  constructor(node: Node, write: Write = (error, msg) => node.error(error, msg)) {
    this.#node = node;
    this.#write = write;
    this.repeats = new Repeats(write);
  }

  hear(error: unknown, msg?: NodeMessage): void {
    const kind = kindOf(error);
    if (this.repeats.isFirst(kind)) return this.#write(error, msg);
    const isCaught = msg === undefined ? false : handToCatchNodes(this.#node, error, msg);
    if (isCaught === undefined) return this.#write(error, msg);
    if (!isCaught) this.repeats.count(kind, shownText(textOf(error)));
  }
}

/**
 * Counts all that a node reports, by an `error` of its own, which Node-RED calls for each message that fails, in front of the
 * one that all nodes share.
 */
export function countRepeatedErrors(node: Node): Repeats {
  const errors = new RepeatedErrors(node, (error, msg) => {
    (Object.getPrototypeOf(node) as Node).error.call(node, error, msg);
  });
  const hear: Write = (error, msg) => errors.hear(error, msg);
  Object.defineProperty(node, 'error', { value: hear, configurable: true, writable: true });
  return errors.repeats;
}

/** Errors of the engine are of one kind by their code: their sentences name topics. */
function kindOf(error: unknown): string {
  return error instanceof MqttError ? error.code : textOf(error);
}
