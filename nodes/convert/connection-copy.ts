import { OWN_TYPE } from './node-types.ts';
import { type StoredNode, textIn } from './stored-node.ts';
import { variableName } from './subflow-variables.ts';

/** Fields in which a copy differs from its broker. */
const OWN_FIELDS = new Set(['id', 'type', 'clientid', 'credentials']);

/** A connection made from an earlier selection of the same broker's nodes, so that the next selection joins it. */
export function findCopy(broker: StoredNode, nodes: readonly StoredNode[]): StoredNode | undefined {
  const clientId = textIn(broker['clientid']);
  return nodes.find(
    (node) =>
      node.type === OWN_TYPE['mqtt-broker'] &&
      (clientId === ''
        ? textIn(node['clientid']) === ''
        : textIn(node['clientid']).startsWith(`${clientId}-posthorn`)) &&
      haveSameFields(broker, node),
  );
}

/**
 * A connection beside its broker. It has a client id of its own, since a broker lets only one client in with each; a
 * client id from an environment variable stays, because nothing can be appended to a variable.
 */
export function copyBroker(broker: StoredNode, id: string, nodes: readonly StoredNode[]): StoredNode {
  const clientId = textIn(broker['clientid']);
  const copy = { ...broker, id, type: OWN_TYPE['mqtt-broker'] };
  if (clientId === '' || variableName(clientId) !== undefined) return copy;
  return { ...copy, clientid: freeClientId(`${clientId}-posthorn`, nodes) };
}

// A field that the editor does not know of is gone from what it has saved, so only shared ones can be compared.
function haveSameFields(broker: StoredNode, copy: StoredNode): boolean {
  const shared = Object.keys(broker).filter((field) => !OWN_FIELDS.has(field) && isPlain(copy[field]));
  return shared.includes('broker') && shared.every((field) => broker[field] === copy[field]);
}

function isPlain(value: unknown): boolean {
  return value !== undefined && typeof value !== 'object';
}

function freeClientId(wanted: string, nodes: readonly StoredNode[]): string {
  const taken = new Set(nodes.map((node) => textIn(node['clientid'])));
  let free = wanted;
  for (let number = 2; taken.has(free); number += 1) free = `${wanted}-${number}`;
  return free;
}
