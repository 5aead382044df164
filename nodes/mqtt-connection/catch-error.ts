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

/**
 * As {@link handToCatchNodes}; where the call is missing, `node.error` has to do, which writes a line for each flow too.
 * @returns whether a Catch node took it for sure.
 */
export function catchError(node: Node, error: unknown, msg: NodeMessage): boolean {
  const isCaught = handToCatchNodes(node, error, msg);
  if (isCaught === undefined) node.error(error, msg);
  return isCaught === true;
}

/** Tells an error to Catch nodes, or to the log, which has its sentence: an `Error` is an object with a stack there. */
export function tellError(node: Node, error: Error, msg: NodeMessage): void {
  if (handToCatchNodes(node, error, msg) !== true) node.error(error.message);
}
