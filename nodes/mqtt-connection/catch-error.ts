import type { Node, NodeMessage } from 'node-red';

/** The part of a node's flow that hands errors to Catch nodes. */
interface Flow {
  handleError(node: Node, error: unknown, msg: NodeMessage, reportingNode: Node): boolean;
}

/**
 * Hands an error to the Catch nodes that see `node`, without a line in the log. Node-RED has no public call for that.
 *
 * @returns whether a Catch node took it; undefined where this Node-RED lacks the call, and nobody was told
 */
export function handToCatchNodes(node: Node, error: unknown, msg: NodeMessage): boolean | undefined {
  const flow = (node as Node & { _flow?: Partial<Flow> })._flow;
  return typeof flow?.handleError === 'function' ? flow.handleError(node, error, msg, node) : undefined;
}

/** As {@link handToCatchNodes}; where the call is missing, `node.error` has to do, which writes a line for each flow too. */
export function catchError(node: Node, error: unknown, msg: NodeMessage): void {
  if (handToCatchNodes(node, error, msg) === undefined) node.error(error, msg);
}
