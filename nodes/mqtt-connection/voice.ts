import type { Node } from 'node-red';
import { countRepeatedErrors } from './repeated-errors.ts';
import type { Repeats } from './repeats.ts';
import type { Reporter } from './reports.ts';

/** How a connection speaks: by the config node that it has now, which a deploy replaces. */
export class Voice implements Reporter {
  #node: Node;
  #repeats: Repeats;

  constructor(node: Node) {
    this.#node = node;
    this.#repeats = countRepeatedErrors(node);
  }

  /** From now on this node speaks. */
  by(node: Node): void {
    this.#repeats.end();
    this.#node = node;
    this.#repeats = countRepeatedErrors(node);
  }

  log(text: string): void {
    // It says that the state is another one: what failed before was before.
    this.#repeats.tell();
    this.#node.log(text);
  }

  warn(what: string | Error): void {
    this.#node.warn(what);
  }

  error(what: string | Error): void {
    this.#node.error(what);
  }

  end(): void {
    this.#repeats.end();
  }
}
