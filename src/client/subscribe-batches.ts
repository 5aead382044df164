import { overlaps } from '../router/overlap.ts';
import type { WireWish } from './wire-plan.ts';

/** Filters that overlap with everything would otherwise be compared with every batch there is. */
const MOST_OPEN_BATCHES = 16;

/**
 * Packets of at most `perPacket` filters. A Subscription Identifier belongs to a packet, and says which copy of a message
 * is for whom: where there are any (`apart`), filters that overlap never share one.
 */
export function subscribeBatches<T extends WireWish>(wishes: readonly T[], perPacket: number, apart: boolean): T[][] {
  const batches: T[][] = [];
  const open: T[][] = [];
  for (const wish of wishes) {
    const fitting = open.find((batch) => !apart || !anyOverlaps(batch, wish));
    const batch = fitting ?? [];
    batch.push(wish);
    if (fitting === undefined) {
      batches.push(batch);
      open.push(batch);
      if (open.length > MOST_OPEN_BATCHES) open.shift();
    }
    if (batch.length >= perPacket) open.splice(open.indexOf(batch), 1);
  }
  return batches;
}

export function halves<T>(list: readonly T[]): (readonly T[])[] {
  const middle = Math.ceil(list.length / 2);
  return [list.slice(0, middle), list.slice(middle)];
}

function anyOverlaps(batch: readonly WireWish[], wish: WireWish): boolean {
  return batch.some(({ entry }) => overlaps(entry.filter, wish.entry.filter));
}
