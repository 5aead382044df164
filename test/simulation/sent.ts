import type { Copy } from './copy.ts';
import type { Ack } from './server-codec.ts';

/** A packet of the Server, as the model knows it. */
export type Sent =
  | Ack
  | { readonly cmd: 'publish'; readonly copy: Copy; readonly packetId: number; readonly dup: boolean }
  | { readonly cmd: 'connack'; readonly sessionPresent: boolean; readonly code: number }
  | { readonly cmd: 'suback' | 'unsuback'; readonly packetId: number }
  | { readonly cmd: 'pingresp' }
  | { readonly cmd: 'disconnect'; readonly code: number };
