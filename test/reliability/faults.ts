import type { Random } from '../support/random.ts';

/** What happens to the running flows. */
export type Fault = 'cut' | 'restart' | 'deploy' | 'stop';

/** How many of each. */
export type FaultCounts = Readonly<Record<Fault, number>>;

/** All of them in a random order. */
export function shuffled(counts: FaultCounts, random: Random): Fault[] {
  const faults = (Object.keys(counts) as Fault[]).flatMap((fault) => Array<Fault>(counts[fault]).fill(fault));
  return faults
    .map((fault) => ({ fault, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ fault }) => fault);
}
