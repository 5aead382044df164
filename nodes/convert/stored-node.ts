/** A node as a flow file holds it. */
export interface StoredNode {
  readonly id: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Whether an entry of a flow file is a node: an object with an id and a type. */
export function isStoredNode(entry: unknown): entry is StoredNode {
  if (typeof entry !== 'object' || entry === null) return false;
  const { id, type } = entry as Readonly<Record<string, unknown>>;
  return typeof id === 'string' && id !== '' && typeof type === 'string';
}

/** A field's text; empty where it holds none. */
export function textIn(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
