import type { QoS } from '../../src/index.ts';
import type { Mark } from './evidence.ts';
import { type Excuses, TOLD_MS } from './incidents.ts';
import type { Page } from './ledger.ts';

/** What the judge knows of any stream. */
interface Facts {
  readonly name: string;
  readonly connection: string;
  readonly qos: QoS;
  /** Whether the session is kept. */
  readonly isKept: boolean;
}

export interface OutFacts extends Facts {
  readonly page: Page;
  /** At the observer. */
  readonly arrivals: readonly Mark[];
  /** On the wire: the broker said that it has it. */
  readonly acknowledged: readonly Mark[];
}

export interface InFacts extends Facts {
  readonly page: Page;
  /** The broker said that it is through with it. */
  readonly published: readonly Mark[];
  /** At QoS 2: the broker said that it has it. */
  readonly had: readonly Mark[];
  /** On the wire: it came to the client. */
  readonly given: readonly Mark[];
  /** On the wire: it came once more though the broker had released it [MQTT-4.3.3-6]. */
  readonly releasedAgain: readonly Mark[];
  /** On the wire: the client said that it has it. */
  readonly taken: readonly Mark[];
  /** The client has it, over the connection that is up at the end. */
  readonly open: readonly number[];
}

/** Why something is not held against anybody. */
export type Excuse = 'edge' | 'broker' | 'damage' | 'ended';

/** What became of a stream; lists hold the numbers of messages. */
export interface Verdict {
  readonly name: string;
  /** Outgoing: that an mqtt-out took. Incoming: that the broker took from the observer. */
  readonly sent: number;
  readonly owed: number;
  /** Different ones. */
  readonly arrived: number;
  /** Arrivals of what had arrived before, allowed or not. */
  readonly again: number;
  readonly failed: number;
  readonly lost: readonly number[];
  /** Came twice where that must not be. */
  readonly doubled: readonly number[];
  /** Came behind a later one, for the first time. */
  readonly disordered: readonly number[];
  /** Told as done, and did not arrive. */
  readonly untrue: readonly number[];
  /** Nothing was told. */
  readonly untold: readonly number[];
  /** Told more than once. */
  readonly toldTwice: readonly number[];
  readonly excused: Readonly<Record<Excuse, number>>;
}

/** What must not be, by what a verdict calls it. */
export const OFFENCES = ['lost', 'doubled', 'disordered', 'untrue', 'untold', 'toldTwice'] as const;

/** An outgoing stream: what was accepted is owed, unless its flow was told that it failed. */
export function judgeOutgoing(facts: OutFacts, excuses: Excuses): Verdict {
  const { page, qos, connection, arrivals, name } = facts;
  const docket = new Docket();
  const arrived = numbersOf(arrivals);
  const failed = numbersOf(page.failed);
  const acknowledged = marksOf(facts.acknowledged);
  const told = marksOf([...page.done, ...page.failed]);
  const done = numbersOf(page.done);
  // Nothing is promised of QoS 0 but that it does not come twice, and in order.
  const owed = qos === 0 ? [] : page.accepted.filter(({ number }) => !failed.has(number));
  const missing = owed.filter(({ number }) => !arrived.has(number));
  const lost = docket.unexcused(missing, ({ number, at }) => {
    if ((acknowledged.get(number) ?? []).some((mark) => excuses.forgotten(mark))) return 'broker';
    if (done.has(number)) return undefined;
    if (excuses.unwritten(connection, at)) return 'edge';
    return excuses.damaged(connection, { from: at, to: at }) ? 'damage' : undefined;
  });
  const lives = new Map(
    page.accepted.map(({ number, at }) => [number, { from: at, to: told.get(number)?.[0]?.at ?? Infinity }]),
  );
  const doubled = docket.unexcused(isOnce(facts) ? repeats(arrivals) : [], ({ number, at, first }) => {
    if (excuses.sentAgain({ number, at: first }, at)) return 'broker';
    const life = lives.get(number);
    return life !== undefined && excuses.damaged(connection, life) ? 'damage' : undefined;
  });
  const silent = page.accepted.filter(({ number }) => !told.has(number));
  const untold = docket.unexcused(silent, ({ at }) => {
    const end = excuses.endAfter(at);
    return end !== undefined && end - at < TOLD_MS ? 'ended' : undefined;
  });
  return {
    name,
    sent: page.accepted.length,
    owed: owed.length,
    arrived: arrived.size,
    again: arrivals.length - arrived.size,
    failed: failed.size,
    lost,
    doubled,
    disordered: disordered(arrivals),
    untrue: lost.filter((number) => done.has(number)),
    untold,
    toldTwice: [...told].filter(([, marks]) => marks.length > 1).map(([number]) => number),
    excused: docket.excused,
  };
}

/**
 * An incoming stream. Owed is, over a kept session, all that the broker took over; over a clean one what the client took
 * over, or got on the connection that is up: the rest was lost by order.
 */
export function judgeIncoming(facts: InFacts, excuses: Excuses): Verdict {
  const { page, qos, connection, name } = facts;
  const docket = new Docket();
  const { received } = page;
  const arrived = numbersOf(received);
  const taken = marksOf(facts.taken);
  const given = marksOf(facts.given);
  const releasedAgain = marksOf(facts.releasedAgain);
  const said = marksOf([...facts.published, ...facts.had]);
  const owed = owedIncoming(facts);
  const missing = owed.filter((number) => !arrived.has(number)).map((number) => ({ number }));
  const lost = docket.unexcused(missing, ({ number }) => {
    if (facts.isKept && (said.get(number) ?? []).some((mark) => excuses.forgotten(mark))) return 'broker';
    return (taken.get(number) ?? []).some((mark) => excuses.onEdge(mark.at)) ? 'edge' : undefined;
  });
  const doubled = docket.unexcused(isOnce(facts) ? repeats(received) : [], ({ number, at, first }) => {
    if (qos === 0) return undefined;
    if (releasedAgain.has(number)) return 'broker';
    const since = given.get(number)?.[0]?.since;
    if (excuses.sentAgain({ number, at: first, ...(since !== undefined && { since }) }, at)) return 'broker';
    if (excuses.onEdge(first)) return 'edge';
    return excuses.damaged(connection, { from: first, to: first }) ? 'damage' : undefined;
  });
  return {
    name,
    sent: facts.published.length,
    owed: owed.length,
    arrived: arrived.size,
    again: received.length - arrived.size,
    failed: 0,
    lost,
    doubled,
    disordered: disordered(received),
    untrue: [],
    untold: [],
    toldTwice: [],
    excused: docket.excused,
  };
}

/** What a verdict holds against the promises, in words. */
export function offencesOf(verdict: Verdict): string[] {
  return OFFENCES.filter((offence) => verdict[offence].length > 0).map((offence) => {
    const numbers = verdict[offence];
    const shown = numbers.slice(0, 20).join(', ');
    return `${verdict.name}: ${numbers.length} ${offence}: ${shown}${numbers.length > 20 ? ', …' : ''}`;
  });
}

class Docket {
  readonly excused: Record<Excuse, number> = { edge: 0, broker: 0, damage: 0, ended: 0 };

  /** The numbers of those cases for which there is no excuse; the others are counted. */
  unexcused<T extends { readonly number: number }>(
    cases: readonly T[],
    excuseOf: (each: T) => Excuse | undefined,
  ): number[] {
    return cases
      .filter((each) => {
        const excuse = excuseOf(each);
        if (excuse !== undefined) this.excused[excuse] += 1;
        return excuse === undefined;
      })
      .map(({ number }) => number);
  }
}

/** At QoS 1, and where the session is lost with its connection, a message may come again. */
function isOnce({ qos, isKept }: Facts): boolean {
  return qos === 0 || (qos === 2 && isKept);
}

function owedIncoming({ qos, isKept, published, taken, open }: InFacts): number[] {
  if (qos === 0) return [];
  if (isKept) return published.map(({ number }) => number);
  return [...new Set([...taken.map(({ number }) => number), ...open])];
}

/** Arrivals of what had arrived before, and when that was. */
function repeats(arrivals: readonly Mark[]): (Mark & { readonly first: number })[] {
  const firsts = new Map<number, number>();
  return arrivals.flatMap(({ number, at }) => {
    const first = firsts.get(number);
    if (first !== undefined) return [{ number, at, first }];
    firsts.set(number, at);
    return [];
  });
}

function disordered(arrivals: readonly Mark[]): number[] {
  const seen = new Set<number>();
  let highest = -1;
  return arrivals.flatMap(({ number }) => {
    if (seen.has(number)) return [];
    seen.add(number);
    const isLate = number < highest;
    highest = Math.max(highest, number);
    return isLate ? [number] : [];
  });
}

function numbersOf(marks: readonly Mark[]): Set<number> {
  return new Set(marks.map(({ number }) => number));
}

function marksOf(marks: readonly Mark[]): Map<number, Mark[]> {
  const byNumber = new Map<number, Mark[]>();
  for (const mark of marks) {
    const before = byNumber.get(mark.number);
    if (before === undefined) byNumber.set(mark.number, [mark]);
    else before.push(mark);
  }
  return byNumber;
}
