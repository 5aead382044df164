/** What a flow that acknowledges works on, in numbers. */
export interface FlowCounts {
  /** Messages in the flow, and the seconds for which the first of them has been there. */
  readonly inFlow: number;
  readonly oldest: number;
  /** Messages that wait for a place in the flow. */
  readonly waiting: number;
  /** Times that the flow did not acknowledge in time, and that a message was given to it again. */
  readonly late: number;
  readonly again: number;
  /** Messages at QoS 0 that were dropped because too many waited. */
  readonly dropped: number;
}

/** Of several flows; undefined: there is none. */
export function sumOf(all: readonly FlowCounts[]): FlowCounts | undefined {
  if (all.length === 0) return undefined;
  const sum = (count: (one: FlowCounts) => number): number => all.reduce((total, one) => total + count(one), 0);
  return {
    inFlow: sum(({ inFlow }) => inFlow),
    oldest: Math.max(...all.map(({ oldest }) => oldest)),
    waiting: sum(({ waiting }) => waiting),
    late: sum(({ late }) => late),
    again: sum(({ again }) => again),
    dropped: sum(({ dropped }) => dropped),
  };
}
