import type { PublishPacket } from '../protocol/packet.ts';

/** Bytes of a payload that are looked at: enough to tell two readings of a sensor apart. */
const MOST_BYTES = 32;

/** A number that two messages with the same content have in common, and two others hardly ever (FNV-1a). */
export function fingerprintOf({ topic, payload }: PublishPacket): number {
  const bytes = Math.min(payload.length, MOST_BYTES);
  let hash = Math.imul(0x811c9dc5 ^ topic.length, 0x01000193) ^ payload.length;
  for (let index = 0; index < bytes; index++) hash = Math.imul(hash ^ (payload[index] ?? 0), 0x01000193);
  return hash;
}
