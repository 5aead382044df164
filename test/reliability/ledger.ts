/** What became of one stream at one place. */
export interface Entry {
  readonly name: string;
  /** Whether a message at QoS 2 must not come twice, and the order must hold: the session is kept. */
  readonly exact: boolean;
  /** How many were published, or given to the mqtt-out. */
  readonly sent: number;
  /** How many must arrive. */
  readonly owed: number;
  /** How many different ones did arrive. */
  readonly arrived: number;
  /** Owed, and never arrived. */
  readonly lost: number;
  /** Arrivals of what had arrived before. */
  readonly doubled: number;
  /** First arrivals behind a later message. */
  readonly disordered: number;
  /** Told as done, and never arrived. */
  readonly lied: number;
  /** Told as failed. */
  readonly failed: number;
  /** Nothing was told. */
  readonly untold: number;
}

/** What an mqtt-out was given and told; see `Given` of the host. */
export interface Told {
  readonly accepted: number;
  readonly done: readonly number[];
  readonly failed: readonly number[];
}

/** An outgoing stream: what was accepted is owed, unless the flow was told that it failed. */
export function outgoing(name: string, exact: boolean, told: Told, arrivals: readonly number[]): Entry {
  const arrived = new Set(arrivals);
  const failed = new Set(told.failed);
  const owed = upTo(told.accepted).filter((number) => !failed.has(number));
  return {
    ...counted(name, exact, arrivals),
    sent: told.accepted,
    owed: owed.length,
    lost: owed.filter((number) => !arrived.has(number)).length,
    lied: told.done.filter((number) => !arrived.has(number)).length,
    failed: failed.size,
    untold: told.accepted - new Set([...told.done, ...told.failed]).size,
  };
}

/** An incoming stream: the caller says which of what was sent had to arrive. */
export function incoming(
  name: string,
  exact: boolean,
  sent: readonly number[],
  owed: ReadonlySet<number>,
  arrivals: readonly number[],
): Entry {
  const arrived = new Set(arrivals);
  return {
    ...counted(name, exact, arrivals),
    sent: sent.length,
    owed: owed.size,
    lost: [...owed].filter((number) => !arrived.has(number)).length,
    lied: 0,
    failed: 0,
    untold: 0,
  };
}

/** What the promises forbid of it, in words; none where all is kept. */
export function brokenPromises(entry: Entry): string[] {
  const { name, exact, lost, lied, untold, doubled, disordered } = entry;
  return [
    ...(lost > 0 ? [`${name}: ${lost} lost`] : []),
    ...(lied > 0 ? [`${name}: ${lied} told as done that did not arrive`] : []),
    ...(untold > 0 ? [`${name}: of ${untold} nothing was told`] : []),
    ...(exact && doubled > 0 ? [`${name}: ${doubled} came twice`] : []),
    ...(exact && disordered > 0 ? [`${name}: ${disordered} came out of order`] : []),
  ];
}

function counted(
  name: string,
  exact: boolean,
  arrivals: readonly number[],
): Pick<Entry, 'name' | 'exact' | 'arrived' | 'doubled' | 'disordered'> {
  const arrived = new Set<number>();
  let highest = -1;
  let disordered = 0;
  for (const number of arrivals) {
    if (!arrived.has(number) && number < highest) disordered += 1;
    arrived.add(number);
    highest = Math.max(highest, number);
  }
  return { name, exact, arrived: arrived.size, doubled: arrivals.length - arrived.size, disordered };
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}
