import type { Conversion, Note } from '../../../../nodes/convert/report.ts';
import { convertFlows } from '../../../../nodes/convert/convert-flows.ts';
import type { StoredNode } from '../../../../nodes/convert/stored-node.ts';

export const COPY_ID = 'c0b1c0b1c0b1c0b1';

export function convert(entries: readonly unknown[], only?: readonly string[]): Conversion {
  return convertFlows(entries, { only: only && new Set(only), newId: () => COPY_ID });
}

export function nodeIn({ nodes }: Conversion, id: string): StoredNode {
  const found = nodes.find((node) => (node as StoredNode | null)?.id === id);
  if (found === undefined) throw new Error(`no node ${id}`);
  return found as StoredNode;
}

export function kindsOf({ notes }: Conversion): Note['kind'][] {
  return notes.map(({ kind }) => kind);
}

export function noteOf<K extends Note['kind']>({ notes }: Conversion, kind: K): Extract<Note, { kind: K }> {
  const found = notes.find((note) => note.kind === kind);
  if (found === undefined) throw new Error(`no note ${kind}`);
  return found as Extract<Note, { kind: K }>;
}

export const subscriber = {
  id: 'in1',
  type: 'mqtt in',
  z: 'tab1',
  name: 'kitchen',
  topic: 'house/kitchen/#',
  qos: '2',
  datatype: 'auto-detect',
  broker: 'b1',
  nl: false,
  rap: true,
  rh: 0,
  inputs: 0,
  x: 120,
  y: 80,
  wires: [['debug1']],
};

export const publisher = { id: 'out1', type: 'mqtt out', z: 'tab1', topic: 'a/b', broker: 'b1', x: 1, y: 2, wires: [] };

export const broker = { id: 'b1', type: 'mqtt-broker', name: '', broker: 'localhost', port: '1883', clientid: '' };
