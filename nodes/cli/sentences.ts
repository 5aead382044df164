import type { ChangedNode, Conversion, Note } from '../convert/report.ts';

/** What was changed, as lines of text: the numbers by type, then each node. */
export function changeLines(changed: readonly ChangedNode[]): string[] {
  const types = [...new Set(changed.map(({ from, to }) => `${from} → ${to}`))];
  const count = (change: string): number => changed.filter(({ from, to }) => `${from} → ${to}` === change).length;
  return [
    `Changed ${counted(changed.length, 'node')}:`,
    ...types.map((change) => `  ${count(change)} × ${change}`),
    ...changed.map(({ id, to, name }) => `  ${id}  ${to}  ${quoted(name)}`),
  ];
}

/** What the person must know or do, as lines of text; none where there is nothing. */
export function noteLines({ notes }: Conversion): string[] {
  return notes.length === 0 ? [] : ['To know or to do:', ...notes.map((note) => `  ${noteSentence(note)}`)];
}

function noteSentence(note: Note): string {
  switch (note.kind) {
    case 'notANode':
      return `Entry ${note.position} of the file is no node and was left as it is.`;
    case 'noConnection':
      return `${node(note)} has no connection, as it had no broker before: choose one.`;
    case 'connectionMissing':
      return `${node(note)} uses the broker ${note.broker}, which is not in this file: choose a connection, or convert the file that holds the broker too.`;
    case 'connectionFromVariable':
      return `${node(note)} takes its broker from the variable ${note.variable}, which must name an mqtt-connection now.`;
    case 'connectionCopied':
      return `The broker ${node(note)} stays, because nodes that were not converted use it. The converted ones use the connection ${note.copy} with the same settings.`;
    case 'clientIdChanged':
      return `The connection ${node(note)} has the client ID ${quoted(note.clientId)}, because a broker lets only one client in with each. A session that the broker kept stays with the old one.`;
    case 'clientIdShared':
      return `The connection ${node(note)} takes its client ID from the variable ${note.variable}, as the broker beside it does. Give it one of its own, or each will throw the other out.`;
    case 'credentialsMissing':
      return `The connection ${node(note)} has a new id: if the broker asks for username and password, enter them again.`;
    case 'nowVerified':
      return `The connection ${node(note)} did not verify the server's certificate and does so now. If the server's certificate is not signed by a public authority, give its authority in a TLS configuration.`;
    case 'inSubflow':
      return `${counted(note.count, 'node')} inside the subflow ${node(note)} changed, and so in each of its instances.`;
    default:
      return note satisfies never;
  }
}

function node({ id, name }: { readonly id: string; readonly name: string }): string {
  return name === id ? id : `${quoted(name)} (${id})`;
}

// A name may hold anything, also what would steer a terminal.
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** `1 node`, `2 nodes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
