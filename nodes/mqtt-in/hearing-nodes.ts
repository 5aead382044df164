import type { Node } from 'node-red';

/** A Catch or Status node, or a node that such a one hears. */
interface Member {
  readonly id: string;
  /** The group that it is in. */
  readonly g?: string;
}

interface Hearing extends Member {
  /** The ids of the nodes that it hears; `group`: those in its group; otherwise all of its flow. */
  readonly scope?: unknown;
}

/** The part of a node's flow that knows who hears of its nodes. Node-RED has no public call for that. */
interface Flow {
  readonly catchNodes: readonly Hearing[];
  readonly statusNodes: readonly Hearing[];
  /** By the id of the node that is heard. */
  readonly completeNodeMap: Readonly<Record<string, readonly Member[]>>;
  /** By id; a group may be in another one. */
  readonly groups: Readonly<Record<string, Member>>;
  /** Of a subflow: the node that stands for it, and the flow in which that is. */
  readonly node: Member;
  readonly parent: Partial<Flow>;
}

/**
 * The ids of the Catch, Complete and Status nodes that hear of a node: what it gets may go on behind them. Where it is in a
 * subflow, also those around that: which of both hears depends on what happens.
 */
export function hearingNodes(node: Node): string[] {
  const found: string[] = [];
  let reporting: Member = node;
  let flow: Partial<Flow> | undefined = (node as Node & { _flow?: Partial<Flow> })._flow;
  while (flow !== undefined) {
    found.push(...hearingIn(flow, reporting));
    if (flow.node === undefined) break;
    reporting = flow.node;
    flow = flow.parent;
  }
  return found;
}

function hearingIn(flow: Partial<Flow>, reporting: Member): string[] {
  const { catchNodes = [], statusNodes = [], completeNodeMap = {} } = flow;
  const byScope = [...catchNodes, ...statusNodes].filter((hearing) => isInScope(reporting, hearing, flow));
  return [...byScope, ...(completeNodeMap[reporting.id] ?? [])].map(({ id }) => id);
}

function isInScope({ id, g }: Member, { scope, g: own }: Hearing, { groups = {} }: Partial<Flow>): boolean {
  if (Array.isArray(scope)) return scope.includes(id);
  // Outside of any group it hears all, as without a scope.
  if (scope !== 'group' || own === undefined) return true;
  let group = g;
  while (group !== undefined && group !== own) group = groups[group]?.g;
  return group === own;
}
