import type { Node, NodeMessage } from 'node-red';

/** The part of a node's flow that hands errors to Catch nodes. */
interface Flow {
  handleError(node: Node, error: unknown, msg: NodeMessage, reportingNode: Node): boolean;
}

/**
 * Hands an error to the Catch nodes that see `node`, without a line in the log: `node.error` writes one for each flow
 * that has no Catch node. Node-RED has no public call for that; where this one is missing, `node.error` has to do.
 *
 * @returns whether a Catch node took it, or it is in the log
 */
export function catchError(node: Node, error: unknown, msg: NodeMessage): boolean {
  const flow = (node as Node & { _flow?: Partial<Flow> })._flow;
  if (typeof flow?.handleError === 'function') return flow.handleError(node, error, msg, node);
  node.error(error, msg);
  return true;
}
