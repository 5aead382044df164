import { ageOf } from '../common/age.ts';
import { joinedStatus, statusPart } from '../failures/status-text.ts';
import type { FlowCounts } from '../mqtt-connection/flow-counts.ts';

/** Milliseconds between two looks. */
const LOOK = 1000;

/** Seconds from which on a message in the flow is shown: what is done at once is no news. */
const LONG = 5;

/** Looks from time to time at what a flow works on, so that no message costs anything for it. */
export class WorkLight {
  readonly #counts: () => FlowCounts;
  readonly #changed: () => void;
  readonly #holdsUpFor: () => number;
  #timer: NodeJS.Timeout | undefined;
  #text: string | undefined;

  /** @param holdsUpFor seconds for which other nodes may have waited for what is in the flow; 0: none does. */
  constructor(counts: () => FlowCounts, changed: () => void, holdsUpFor: () => number) {
    this.#counts = counts;
    this.#changed = changed;
    this.#holdsUpFor = holdsUpFor;
  }

  /** Such as `20 in the flow (12 s), 3 waiting, 1 late`; undefined: the flow keeps up. */
  get text(): string | undefined {
    return this.#text;
  }

  begin(): void {
    this.#timer ??= setInterval(() => this.#look(), LOOK).unref();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const text = workText(this.#counts(), this.#holdsUpFor() >= LONG);
    if (text === this.#text) return;
    this.#text = text;
    this.#changed();
  }
}

/** @param holdsUp what is in the flow keeps the acknowledgements behind it back, for which a broker may wait (4.6). */
export function workText({ inFlow, oldest, waiting, late, dropped }: FlowCounts, holdsUp: boolean): string | undefined {
  if (waiting === 0 && oldest < LONG) return undefined;
  const counts = [
    ['queued', waiting],
    ['late', late],
    ['dropped', dropped],
  ] as const;
  const rest = counts.flatMap(([words, count]) => (count === 0 ? [] : [statusPart(words, { count })]));
  const others = holdsUp ? [statusPart('others-wait', {})] : [];
  return joinedStatus(statusPart('in-flow', { count: inFlow, age: ageOf(oldest * 1000) }), ...rest, ...others);
}
