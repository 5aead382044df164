import { hasWildcard, matchedFilter, type TopicFilter } from '../protocol/topic.ts';

/** Whether some Topic Name matches both filters (4.7). */
export function overlaps(a: TopicFilter, b: TopicFilter): boolean {
  const left = matchedFilter(a);
  const right = matchedFilter(b);
  if (!hasWildcard(left) && !hasWildcard(right)) return left === right;
  // [MQTT-4.7.2-1] a leading wildcard matches no topic that begins with $.
  if (left.startsWith('$') !== right.startsWith('$')) return false;
  return levelsOverlap(left.split('/'), right.split('/'));
}

function levelsOverlap(left: readonly string[], right: readonly string[]): boolean {
  const length = Math.max(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left[index];
    const b = right[index];
    // `#` matches its parent too, so it also covers the end of the other filter.
    if (a === '#' || b === '#') return true;
    if (a === undefined || b === undefined) return false;
    if (a !== b && a !== '+' && b !== '+') return false;
  }
  return true;
}
