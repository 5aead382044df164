import type { Node } from 'node-red';
import { textOf } from '../../src/index.ts';

/** Ends a node's close: `done` is called once, also where the work fails, which is told then. */
export function whenClosed(node: Node, work: Promise<void>, done: () => void): void {
  work.catch((error: unknown) => node.error(`could not be closed in order: ${textOf(error)}`)).finally(done);
}
