import { OWN_TYPE } from './node-types.ts';
import { type StoredNode, textIn } from './stored-node.ts';
import { variableName } from './subflow-variables.ts';

/** Fields in which a copy differs from its broker. */
const OWN_FIELDS = new Set(['id', 'type', 'clientid', 'credentials']);

/** The connections beside brokers that stay: those that an earlier conversion made, and new ones. */
export class ConnectionCopies {
  readonly #clientIds: ReadonlySet<string>;
  /** By the field `broker`, which a copy shares. */
  readonly #connections = new Map<unknown, StoredNode[]>();

  constructor(nodes: readonly StoredNode[]) {
    this.#clientIds = new Set(nodes.map((node) => textIn(node['clientid'])));
    for (const node of nodes) if (node.type === OWN_TYPE['mqtt-broker']) this.#remember(node);
  }

  /** A connection made from an earlier selection of the same broker's nodes, so that the next selection joins it. */
  find(broker: StoredNode): StoredNode | undefined {
    const clientId = textIn(broker['clientid']);
    const isItsOwn = (other: string): boolean =>
      clientId === '' ? other === '' : other.startsWith(`${clientId}-posthorn`);
    const connections = this.#connections.get(broker['broker']) ?? [];
    return connections.find((node) => isItsOwn(textIn(node['clientid'])) && haveSameFields(broker, node));
  }

  /**
   * A connection beside its broker. It has a client id of its own, since a broker lets only one client in with each; a
   * client id from an environment variable stays, because nothing can be appended to a variable.
   */
  make(broker: StoredNode, id: string): StoredNode {
    const clientId = textIn(broker['clientid']);
    const copy = { ...broker, id, type: OWN_TYPE['mqtt-broker'] };
    if (clientId === '' || variableName(clientId) !== undefined) return copy;
    return { ...copy, clientid: this.#freeClientId(`${clientId}-posthorn`) };
  }

  #remember(connection: StoredNode): void {
    const others = this.#connections.get(connection['broker']);
    if (others === undefined) this.#connections.set(connection['broker'], [connection]);
    else others.push(connection);
  }

  #freeClientId(wanted: string): string {
    let free = wanted;
    for (let number = 2; this.#clientIds.has(free); number += 1) free = `${wanted}-${number}`;
    return free;
  }
}

// A field that the editor does not know of is gone from what it has saved, so only shared ones can be compared.
function haveSameFields(broker: StoredNode, copy: StoredNode): boolean {
  const shared = Object.keys(broker).filter((field) => !OWN_FIELDS.has(field) && isPlain(copy[field]));
  return shared.includes('broker') && shared.every((field) => broker[field] === copy[field]);
}

function isPlain(value: unknown): boolean {
  return value !== undefined && typeof value !== 'object';
}
