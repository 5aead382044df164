import { isSecureUrl, isUrl } from '../common/broker-address.ts';
import { isTrue } from '../common/tick.ts';
import { nameOf } from './node-name.ts';
import { OWN_TYPE, isCoreFlowNode } from './node-types.ts';
import type { Note } from './report.ts';
import { type StoredNode, isStoredNode, textIn } from './stored-node.ts';
import { type SubflowVariables, variableName } from './subflow-variables.ts';

/** What to know about the connection of a converted flow node. */
export function notesOnFlowNode(node: StoredNode, ids: ReadonlySet<string>, variables: SubflowVariables): Note[] {
  const { id } = node;
  const name = nameOf(node);
  const broker = textIn(node['broker']);
  if (broker === '') return [{ kind: 'noConnection', id, name }];
  if (ids.has(broker) || variables.serves(node)) return [];
  const variable = variableName(broker);
  if (variable !== undefined) return [{ kind: 'connectionFromVariable', id, name, variable }];
  return [{ kind: 'connectionMissing', id, name, broker }];
}

/** The ids that a node may name as its connection. */
export function connectionIds(nodes: readonly StoredNode[]): Set<string> {
  const types = new Set<string>(['mqtt-broker', OWN_TYPE['mqtt-broker']]);
  return new Set(nodes.filter(({ type }) => types.has(type)).map(({ id }) => id));
}

/** What to know about a broker that has become a connection, in place or as a copy. */
export function notesOnConnection(connection: StoredNode): Note[] {
  const named = { id: connection.id, name: nameOf(connection) };
  return isVerifiedOnlyNow(connection) ? [{ kind: 'nowVerified', ...named }] : [];
}

/** What to know about a copy beside its broker. */
export function notesOnCopy(broker: StoredNode, copy: StoredNode): Note[] {
  const named = { id: copy.id, name: nameOf(copy) };
  const clientId = textIn(copy['clientid']);
  const variable = variableName(clientId);
  return [
    { kind: 'connectionCopied', id: broker.id, name: nameOf(broker), copy: copy.id },
    ...(variable === undefined ? [] : [{ kind: 'clientIdShared', ...named, variable } as const]),
    ...(clientId === textIn(broker['clientid']) ? [] : [{ kind: 'clientIdChanged', ...named, clientId } as const]),
    ...(hasPassword(copy) ? [] : [{ kind: 'credentialsMissing', ...named } as const]),
  ];
}

/** One note for each subflow in which nodes were converted. */
export function notesOnSubflows(nodes: readonly StoredNode[], isConverted: (node: StoredNode) => boolean): Note[] {
  const counts = new Map<unknown, number>();
  for (const node of nodes) {
    if (isCoreFlowNode(node) && isConverted(node)) counts.set(node['z'], (counts.get(node['z']) ?? 0) + 1);
  }
  return nodes.flatMap((subflow): Note[] => {
    const count = subflow.type === 'subflow' ? counts.get(subflow.id) : undefined;
    return count === undefined ? [] : [{ kind: 'inSubflow', id: subflow.id, name: nameOf(subflow), count }];
  });
}

/** One note for each entry that is no node. */
export function notesOnStrangers(entries: readonly unknown[]): Note[] {
  return entries.flatMap((entry, index): Note[] =>
    isStoredNode(entry) ? [] : [{ kind: 'notANode', position: index + 1 }],
  );
}

// Node-RED's own nodes verify by the TLS configuration only, and use that only where TLS is ticked.
function isVerifiedOnlyNow(broker: StoredNode): boolean {
  const url = textIn(broker['broker']);
  const ticked = isTrue(broker['usetls']);
  const secure = isUrl(url) ? isSecureUrl(url) : ticked;
  const decidedByTlsConfig = ticked && textIn(broker['tls']) !== '';
  return secure && !decidedByTlsConfig && !isTrue(broker['verifyservercert']);
}

function hasPassword(node: StoredNode): boolean {
  const credentials = node['credentials'];
  return typeof credentials === 'object' && credentials !== null && 'password' in credentials;
}
