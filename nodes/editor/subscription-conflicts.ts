import { type FilterOverlap, filterOverlap } from './filter-overlap.ts';
import { topicFilterProblem } from './topic-filter.ts';

export interface Subscription {
  readonly id: string;
  readonly broker?: unknown;
  readonly topic?: unknown;
  readonly name?: unknown;
  readonly inputs?: unknown;
}

export interface Conflict {
  readonly overlap: Exclude<FilterOverlap, 'none'>;
  /** What the other node is called: its name, else its filter. */
  readonly name: string;
  readonly topic: string;
}

/** The other static subscriptions of the same connection whose filters share a topic with this one, identical first. */
export function subscriptionConflicts(self: Subscription, others: readonly Subscription[]): Conflict[] {
  const topic = staticFilter(self);
  if (topic === undefined || !self.broker) return [];
  const conflicts = others
    .filter((other) => other.id !== self.id && other.broker === self.broker)
    .flatMap((other) => conflictWith(topic, other));
  return [
    ...conflicts.filter(({ overlap }) => overlap === 'identical'),
    ...conflicts.filter(({ overlap }) => overlap === 'overlapping'),
  ];
}

function conflictWith(topic: string, other: Subscription): Conflict[] {
  const theirs = staticFilter(other);
  if (theirs === undefined) return [];
  const overlap = filterOverlap(topic, theirs);
  const name = typeof other.name === 'string' && other.name !== '' ? other.name : theirs;
  return overlap === 'none' ? [] : [{ overlap, name, topic: theirs }];
}

function staticFilter({ topic, inputs }: Subscription): string | undefined {
  return typeof topic === 'string' && inputs !== 1 && topicFilterProblem(topic) === undefined ? topic : undefined;
}
