import { type Fate, fatesOf } from './broker-usage.ts';
import { ConnectionCopies } from './connection-copy.ts';
import { nameOf } from './node-name.ts';
import { type CoreNode, OWN_TYPE, isBroker, isCoreFlowNode } from './node-types.ts';
import { connectionIds, notesOnConnection, notesOnCopy, notesOnFlowNode } from './notes.ts';
import type { ChangedNode, Note } from './report.ts';
import { type StoredNode, textIn } from './stored-node.ts';
import { SubflowVariables } from './subflow-variables.ts';

/** Converts one node after the other, brokers before their nodes, and writes down what it did. */
export class Converter {
  readonly changed: ChangedNode[] = [];
  readonly notes: Note[] = [];
  readonly #ids: ReadonlySet<string>;
  readonly #connections: ConnectionCopies;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #newId: () => string;
  readonly #variables: SubflowVariables;
  readonly #fates: ReadonlyMap<string, Fate>;
  readonly #connectionIds: ReadonlySet<string>;
  /** By the id of a broker that stays: the connection beside it. */
  readonly #copies = new Map<string, StoredNode>();

  constructor(nodes: readonly StoredNode[], only: ReadonlySet<string> | undefined, newId: () => string) {
    const all = only === undefined;
    const isConverted = (node: StoredNode): boolean => this.isConverted(node);
    this.#ids = new Set(nodes.map(({ id }) => id));
    this.#connections = new ConnectionCopies(nodes);
    this.#only = only;
    this.#newId = newId;
    this.#variables = new SubflowVariables(nodes, isConverted, all);
    this.#fates = fatesOf(nodes, isConverted, this.#variables, all);
    this.#connectionIds = connectionIds(nodes);
  }

  isConverted(node: StoredNode): boolean {
    return isCoreFlowNode(node) && (this.#only === undefined || this.#only.has(node.id));
  }

  /** What comes in place of the node, if it is a broker: a connection, or the broker and a connection. */
  convertBroker(node: StoredNode): StoredNode[] {
    if (!isBroker(node)) return [node];
    const fate = this.#fates.get(node.id);
    if (fate === 'copied') return [node, ...this.#copy(node)];
    if (fate !== 'converted') return [node];
    this.#report(node, node.id);
    this.notes.push(...notesOnConnection(node));
    return [{ ...node, type: OWN_TYPE[node.type] }];
  }

  /** What comes in place of the node, if it is none of the brokers. */
  convertNode(node: StoredNode): StoredNode {
    if (!isCoreFlowNode(node)) return this.#variables.convert(node, (brokerId) => this.#connectionOf(brokerId));
    if (!this.isConverted(node)) return node;
    this.#report(node, node.id);
    this.notes.push(...notesOnFlowNode(node, this.#connectionIds, this.#variables));
    const copy = this.#copies.get(textIn(node['broker']));
    return { ...node, type: OWN_TYPE[node.type], ...(copy !== undefined && { broker: copy.id }) };
  }

  #copy(broker: CoreNode): StoredNode[] {
    const existing = this.#connections.find(broker);
    const copy = existing ?? this.#connections.make(broker, this.#freeId());
    this.#copies.set(broker.id, copy);
    if (existing !== undefined) return [];
    this.#report(broker, copy.id);
    this.notes.push(...notesOnCopy(broker, copy), ...notesOnConnection(copy));
    return [copy];
  }

  #connectionOf(brokerId: string): string {
    return this.#copies.get(brokerId)?.id ?? brokerId;
  }

  #report(node: CoreNode, id: string): void {
    this.changed.push({ id, from: node.type, to: OWN_TYPE[node.type], name: nameOf(node) });
  }

  #freeId(): string {
    let id = this.#newId();
    while (this.#ids.has(id)) id = this.#newId();
    return id;
  }
}
