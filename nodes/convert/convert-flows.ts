import { Converter } from './converter.ts';
import { notesOnStrangers, notesOnSubflows } from './notes.ts';
import type { Conversion } from './report.ts';
import { isStoredNode } from './stored-node.ts';

export interface ConvertOptions {
  /** The ids of the `mqtt in` and `mqtt out` nodes to convert; brokers follow their nodes. Default: everything. */
  readonly only?: ReadonlySet<string> | undefined;
  /** A fresh node id, for a connection beside the broker that it is made from. */
  readonly newId: () => string;
}

/**
 * The same flows with Node-RED's own MQTT nodes turned into ours. Ids, wires, places and all stored fields stay.
 *
 * A broker that other nodes use too stays as it is, and the converted ones get a connection made from it.
 *
 * Never throws: an entry that is no node is kept and reported. The input is not modified.
 */
export function convertFlows(entries: readonly unknown[], { only, newId }: ConvertOptions): Conversion {
  const nodes = entries.filter(isStoredNode);
  const converter = new Converter(nodes, only, newId);
  // Brokers first: a node must know which connection is its own now.
  const withConnections = entries.flatMap((entry) => (isStoredNode(entry) ? converter.convertBroker(entry) : [entry]));
  const converted = withConnections.map((entry) => (isStoredNode(entry) ? converter.convertNode(entry) : entry));
  const more = [...notesOnSubflows(nodes, (node) => converter.isConverted(node)), ...notesOnStrangers(entries)];
  return { nodes: converted, changed: converter.changed, notes: [...converter.notes, ...more] };
}
