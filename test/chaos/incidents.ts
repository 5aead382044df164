import type { Mark } from './evidence.ts';

/** From and to when, in milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What happened that excuses something: the README says what, and why. */
export interface Incidents {
  /** From when Node-RED was sent the signal that kills, until it was gone. */
  readonly kills: readonly Span[];
  /** When a process of Node-RED was gone, for whatever reason, one after the other. */
  readonly ends: readonly number[];
  /** From when a broker that was killed last wrote down what it has, until it was gone. */
  readonly forgotten: readonly Span[];
  /** By connection: what was written to its store then was damaged. */
  readonly damaged: Readonly<Record<string, readonly Span[]>>;
  /** By connection: when it was opened, one after the other. What it accepts before has no store yet. */
  readonly dials: Readonly<Record<string, readonly number[]>>;
}

/** How long a record may take to the disk, in milliseconds: a kill catches what is younger. */
export const EDGE_MS = 100;
/** A message that had to be told about by then, in milliseconds, whatever happened to the connection. */
export const TOLD_MS = 30_000;
/** How far the clock of a file is behind, in milliseconds. */
const GRAIN_MS = 20;
/** What a process that is gone had sent may be read so much later, in milliseconds; no broker is back before. */
export const LATE_MS = 50;
/** How long the broker and who is connected may need for a message, in milliseconds. */
const HANDSHAKE_MS = 500;

/** Whether an incident excuses what became of a message. */
export class Excuses {
  readonly #incidents: Incidents;

  constructor(incidents: Incidents) {
    this.#incidents = incidents;
  }

  /** What happened in Node-RED then was on its way to the disk when it was killed. */
  onEdge(at: number): boolean {
    return this.#incidents.kills.some(({ from, to }) => from - EDGE_MS <= at && at <= to);
  }

  /** What was accepted then was on its way to the disk, or waited for its store to be opened, when Node-RED was killed. */
  unwritten(connection: string, at: number): boolean {
    return this.onEdge(Math.max(at, this.#openedBy(connection, at)));
  }

  /** What the broker said then it has forgotten. */
  forgotten(mark: Mark): boolean {
    return this.#incidents.forgotten.some((span) => isFrom(span, mark, GRAIN_MS));
  }

  /** What came from the broker first it may not know to have sent: it sends it again, later. */
  sentAgain(first: Mark, again: number): boolean {
    return this.#incidents.forgotten.some((span) => isFrom(span, first, HANDSHAKE_MS) && again > span.to);
  }

  /** The store of the connection lost some of what it was told in this time. */
  damaged(connection: string, { from, to }: Span): boolean {
    const spans = this.#incidents.damaged[connection] ?? [];
    return spans.some((span) => from <= span.to && to >= span.from - EDGE_MS);
  }

  /** When the process that ran then ended; undefined: it runs. */
  endAfter(at: number): number | undefined {
    return this.#incidents.ends.find((end) => end >= at);
  }

  /** A process dials as soon as it has opened the store. */
  #openedBy(connection: string, at: number): number {
    const begin = this.#incidents.ends.findLast((end) => end < at) ?? 0;
    const end = this.endAfter(at) ?? Number.POSITIVE_INFINITY;
    return this.#incidents.dials[connection]?.find((dial) => dial > begin && dial <= end) ?? end;
  }
}

/**
 * Whether something came from a broker in the time that it has forgotten: then, or later, over a connection to that broker
 * which held it back.
 */
function isFrom({ from, to }: Span, { at, since }: Mark, before: number): boolean {
  return (from - before <= at && at <= to + LATE_MS) || (since !== undefined && since <= to && at > to);
}
