import type { Node, NodeMessage } from 'node-red';

/** The part of a node's flow that hands errors to Catch nodes. */
interface Flow {
  handleError(node: Node, error: Error, msg: NodeMessage, reportingNode: Node): boolean;
}

/**
 * Hands an error to the Catch nodes that see `node`, without a line in the log: `node.error` writes one for each flow
 * that has no Catch node. Node-RED has no public call for that; where this one is missing, `node.error` has to do.
 */
export function catchError(node: Node, error: Error, msg: NodeMessage): void {
  const flow = (node as Node & { _flow?: Partial<Flow> })._flow;
  if (typeof flow?.handleError === 'function') flow.handleError(node, error, msg, node);
  else node.error(error, msg);
}
