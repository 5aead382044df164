import { isBroker, isCoreFlowNode } from '../convert/node-types.ts';
import type { StoredNode } from '../convert/stored-node.ts';
import { type LiveNode, flowsRed } from './flows-red.ts';
import { flowOf } from './replace-flows.ts';

/** The core MQTT nodes that an action is about. */
export interface Convertible {
  /** Whether they were selected; otherwise all flows are meant. */
  readonly selected: boolean;
  readonly nodes: readonly StoredNode[];
  /** Nodes in locked flows, which are not converted. */
  readonly locked: readonly StoredNode[];
  readonly brokers: readonly StoredNode[];
}

/** Those in the selection, or those in all flows where nothing is selected. */
export function findConvertible(flows: readonly StoredNode[]): Convertible {
  const selection = selectedIds(flows);
  const meant = flows.filter((node) => isCoreFlowNode(node) && (selection === undefined || selection.has(node.id)));
  const isLocked = (node: StoredNode): boolean => flowOf(node)?.locked === true;
  return {
    selected: selection !== undefined,
    nodes: meant.filter((node) => !isLocked(node)),
    locked: meant.filter(isLocked),
    brokers: flows.filter(isBroker),
  };
}

/** The ids of the selected nodes, of those in selected groups, or of those in selected flows. */
function selectedIds(flows: readonly StoredNode[]): Set<string> | undefined {
  const { view, workspaces } = flowsRed();
  const tabs = new Set(workspaces.selection().map(({ id }) => id));
  if (tabs.size > 0) return new Set(flows.filter(({ z }) => tabs.has(String(z))).map(({ id }) => id));
  const nodes = view.selection().nodes ?? [];
  return nodes.length === 0 ? undefined : new Set(nodes.flatMap(withMembers).map(({ id }) => id));
}

function withMembers(node: LiveNode): readonly LiveNode[] {
  return node.type === 'group' ? flowsRed().group.getNodes(node, true) : [node];
}
