import { filterLevels } from './topic-filter.ts';

export type FilterOverlap = 'none' | 'identical' | 'overlapping';

/** Whether there is a topic that both valid filters match. A shared subscription is compared by the filter it shares. */
export function filterOverlap(a: string, b: string): FilterOverlap {
  if (a === b) return 'identical';
  return overlapFrom(filterLevels(a), filterLevels(b), 0) ? 'overlapping' : 'none';
}

function overlapFrom(a: readonly string[], b: readonly string[], index: number): boolean {
  const [inA, inB] = [a[index], b[index]];
  if (inA === undefined && inB === undefined) return true;
  // [MQTT-4.7.2-1] a filter that starts with a wildcard matches no topic that starts with "$".
  if (index === 0 && (hidesFrom(inA, inB) || hidesFrom(inB, inA))) return false;
  // "#" includes its parent level, so it also meets a filter that has ended.
  if (inA === '#' || inB === '#') return true;
  if (inA === undefined || inB === undefined) return false;
  return (inA === '+' || inB === '+' || inA === inB) && overlapFrom(a, b, index + 1);
}

function hidesFrom(level: string | undefined, wildcard: string | undefined): boolean {
  return level !== undefined && level.startsWith('$') && (wildcard === '+' || wildcard === '#');
}
