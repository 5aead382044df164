import type { CoreType, OwnType } from './node-types.ts';

/** A node that has become one of ours. */
export interface ChangedNode {
  readonly id: string;
  readonly from: CoreType;
  readonly to: OwnType;
  /** What a person knows it by; its id where it has no name. */
  readonly name: string;
}

/** What could not be converted, or what the person must know or do. */
export type Note =
  /** An entry of the file is no node, and was left as it is. */
  | { readonly kind: 'notANode'; readonly position: number }
  /** The node has no connection, and had no broker. */
  | { readonly kind: 'noConnection'; readonly id: string; readonly name: string }
  /** The node's broker is not part of what was converted. */
  | { readonly kind: 'connectionMissing'; readonly id: string; readonly name: string; readonly broker: string }
  /** An environment variable names the node's broker, and must name a connection now. */
  | { readonly kind: 'connectionFromVariable'; readonly id: string; readonly name: string; readonly variable: string }
  /** Nodes that were not converted use the broker too: it stays, beside a connection made from it. */
  | { readonly kind: 'connectionCopied'; readonly id: string; readonly name: string; readonly copy: string }
  /** The copy has a client id of its own. */
  | { readonly kind: 'clientIdChanged'; readonly id: string; readonly name: string; readonly clientId: string }
  /** Broker and copy take their client id from the same environment variable. */
  | { readonly kind: 'clientIdShared'; readonly id: string; readonly name: string; readonly variable: string }
  /** The copy has no username and password. */
  | { readonly kind: 'credentialsMissing'; readonly id: string; readonly name: string }
  /** The server's certificate was not verified, and is now. */
  | { readonly kind: 'nowVerified'; readonly id: string; readonly name: string }
  /** Nodes inside a subflow were converted, and so in each of its instances. */
  | { readonly kind: 'inSubflow'; readonly id: string; readonly name: string; readonly count: number };

export interface Conversion {
  /** All entries, in their order; a copied broker is followed by its copy. */
  readonly nodes: readonly unknown[];
  readonly changed: readonly ChangedNode[];
  readonly notes: readonly Note[];
}
