import type { EditedNode, StoredNode } from './red.ts';

/** A node that comes from the palette takes the connection, where there is only one: a person would choose no other. */
export function takeOnlyConnection(node: EditedNode<{ broker: string }>): void {
  // One that is pasted has its place already, and was without a connection where it comes from.
  if (node.broker !== '' || node.x !== undefined) return;
  const [first, ...others] = connectionsFor(node.z);
  if (first !== undefined && others.length === 0) node.broker = first.id;
}

/** Those that a node on this tab may use: of all tabs, or of its own. */
function connectionsFor(tab: unknown): StoredNode[] {
  const found: StoredNode[] = [];
  RED.nodes.eachConfig((node) => {
    const { z } = node as { z?: unknown };
    const isThere = z === undefined || z === '' || z === tab;
    if (node.type === 'mqtt-connection' && node.d !== true && isThere) found.push(node);
  });
  return found;
}
