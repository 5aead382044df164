import { convertFlows } from '../convert/convert-flows.ts';
import type { Conversion, Note } from '../convert/report.ts';
import { type StoredNode, isStoredNode } from '../convert/stored-node.ts';
import type { Convertible } from './convertible.ts';
import { flowsRed } from './flows-red.ts';
import { type KnownCredentials, knownCredentials } from './known-credentials.ts';
import { replaceFlows } from './replace-flows.ts';

/** Converts the nodes in the editor, in one step that can be undone, and returns what it did and what is to be done. */
export async function convertNodes({ selected, nodes, locked, brokers }: Convertible): Promise<Conversion> {
  const credentials = await knownCredentials(brokers);
  const { nodes: red } = flowsRed();
  const before = red.createCompleteNodeSet();
  // With nothing locked, everything means brokers that nothing uses, too.
  const only = selected || locked.length > 0 ? new Set(nodes.map(({ id }) => id)) : undefined;
  const conversion = withCredentials(convertFlows(before, { only, newId: () => red.id() }), credentials);
  if (conversion.changed.length === 0) return conversion;
  replaceFlows(before, conversion.nodes, changedIds(before, conversion.nodes));
  return conversion;
}

/** Gives copies what the editor knows of their broker's credentials, and asks only for what it does not know. */
function withCredentials(conversion: Conversion, known: ReadonlyMap<string, KnownCredentials>): Conversion {
  const credentials = new Map<string, KnownCredentials>();
  for (const note of conversion.notes) {
    const found = note.kind === 'connectionCopied' ? known.get(note.id) : undefined;
    if (note.kind === 'connectionCopied' && found !== undefined) credentials.set(note.copy, found);
  }
  return {
    ...conversion,
    nodes: conversion.nodes.map((node) => (isStoredNode(node) ? withKnown(node, credentials.get(node.id)) : node)),
    notes: conversion.notes.filter((note) => !isAnswered(note, credentials)),
  };
}

function withKnown(node: StoredNode, known: KnownCredentials | undefined): StoredNode {
  if (known === undefined) return node;
  const { user, password } = known;
  return { ...node, credentials: { ...(user !== undefined && { user }), ...(password !== undefined && { password }) } };
}

function isAnswered(note: Note, known: ReadonlyMap<string, KnownCredentials>): boolean {
  const found = note.kind === 'credentialsMissing' ? known.get(note.id) : undefined;
  return found !== undefined && (!found.hasPassword || found.password !== undefined);
}

/** Conversion keeps what it does not change: the very same objects. */
function changedIds(before: readonly unknown[], after: readonly unknown[]): Set<string> {
  const kept = new Set(before);
  return new Set(after.filter((node) => isStoredNode(node) && !kept.has(node)).map((node) => (node as StoredNode).id));
}
