import type { Node } from 'node-red';
import type { NodeStatus } from '../common/status.ts';

/** What a node shows. The same status again would only start Status nodes for nothing: each further attempt fails alike. */
export class StatusLight {
  readonly #node: Node;
  #shown: NodeStatus | undefined;

  constructor(node: Node) {
    this.#node = node;
  }

  show(status: NodeStatus): void {
    const { fill, shape, text } = this.#shown ?? {};
    if (status.fill === fill && status.shape === shape && status.text === text) return;
    this.#shown = status;
    this.#node.status(status);
  }
}
