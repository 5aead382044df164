import { isBroker, isCoreFlowNode } from './node-types.ts';
import { type StoredNode, textIn } from './stored-node.ts';
import { type SubflowVariables, subflowOf } from './subflow-variables.ts';

/** What becomes of a broker: it turns into a connection, stays beside a connection made from it, or just stays. */
export type Fate = 'converted' | 'copied' | 'kept';

/** Fields that name nodes, but never the config nodes that a node uses. */
const NOT_REFERENCES = new Set(['id', 'type', 'z', 'g', 'wires']);

/**
 * The fate of each broker: converted where only converted nodes use it, copied where others do too. An unused one is
 * converted with everything else, and left alone where only some nodes are converted.
 */
export function fatesOf(
  nodes: readonly StoredNode[],
  isConverted: (node: StoredNode) => boolean,
  variables: SubflowVariables,
  all: boolean,
): Map<string, Fate> {
  const usedByConverted = new Set<string>();
  const usedByOthers = new Set<string>();
  const use = (id: string, converted: boolean): unknown => (converted ? usedByConverted : usedByOthers).add(id);
  for (const node of nodes) {
    if (isCoreFlowNode(node)) use(textIn(node['broker']), isConverted(node));
    else if (!isBroker(node)) useByAnother(node, variables, use);
  }
  const fate = (id: string): Fate => {
    if (usedByConverted.has(id)) return usedByOthers.has(id) ? 'copied' : 'converted';
    return all && !usedByOthers.has(id) ? 'converted' : 'kept';
  };
  return new Map(nodes.filter(isBroker).map(({ id }) => [id, fate(id)]));
}

function useByAnother(
  node: StoredNode,
  variables: SubflowVariables,
  use: (id: string, converted: boolean) => unknown,
): void {
  const isSubflow = subflowOf(node) !== undefined;
  if (isSubflow) for (const { id, converted } of variables.brokersOf(node)) use(id, converted);
  // A node of whatever package may use a broker, under whatever field name.
  const fields = Object.entries(node).filter(([name]) => !NOT_REFERENCES.has(name) && !(isSubflow && name === 'env'));
  for (const text of textsIn(fields.map(([, value]) => value))) use(text, false);
}

/** Every text inside a value. Without recursion: a file may be nested deeper than the stack. */
function textsIn(value: unknown): string[] {
  const texts: string[] = [];
  const rest = [value];
  while (rest.length > 0) {
    const next = rest.pop();
    if (typeof next === 'string') texts.push(next);
    else if (typeof next === 'object' && next !== null) for (const inner of Object.values(next)) rest.push(inner);
  }
  return texts;
}
