import type { NodeAPI } from 'node-red';
import { SharedConnection } from './shared-connection.ts';

/** The connection that a flow node names by the id of its config node, or undefined if there is none, or it is a node of another kind. */
export function connectionOf(RED: NodeAPI, id: unknown): SharedConnection | undefined {
  const node: unknown = typeof id === 'string' ? RED.nodes.getNode(id) : undefined;
  if (typeof node !== 'object' || node === null || !('connection' in node)) return undefined;
  return node.connection instanceof SharedConnection ? node.connection : undefined;
}
