import { ageOf } from '../common/age.ts';
import { type FlowCounts, LONG_IN_FLOW } from '../mqtt-connection/flow-counts.ts';

/** Milliseconds between two looks. */
const LOOK = 1000;

/** Looks from time to time at what a flow works on, so that no message costs anything for it. */
export class WorkLight {
  readonly #counts: () => FlowCounts;
  readonly #changed: () => void;
  #timer: NodeJS.Timeout | undefined;
  #text: string | undefined;

  constructor(counts: () => FlowCounts, changed: () => void) {
    this.#counts = counts;
    this.#changed = changed;
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
    const text = workText(this.#counts());
    if (text === this.#text) return;
    this.#text = text;
    this.#changed();
  }
}

export function workText({ inFlow, oldest, waiting, late, dropped }: FlowCounts): string | undefined {
  if (waiting === 0 && oldest < LONG_IN_FLOW) return undefined;
  const counts = { waiting, late, dropped };
  const rest = Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
  return [`${inFlow} in the flow (${ageOf(oldest * 1000)})`, ...rest].join(', ');
}
