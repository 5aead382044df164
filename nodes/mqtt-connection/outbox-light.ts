import type { MqttErrorCode } from '../../src/index.ts';
import { ageOf } from '../common/age.ts';
import type { NodeStatus } from '../common/status.ts';
import type { StatusWords } from '../failures/catalogue.ts';
import { joinedStatus, statusPart } from '../failures/status-text.ts';

/** What waits for the broker. */
export interface Outbox {
  readonly messages: number;
  readonly bytes: number;
  /** Milliseconds for which the first of them has waited. */
  readonly oldest: number | undefined;
}

export type Failures = Readonly<Partial<Record<MqttErrorCode, number>>>;

export interface OutboxLightOwner {
  outbox(): Outbox | undefined;
  failures(): Failures;
  /** How many nodes show it. */
  nodes(): number;
  /** {@link OutboxLight.text} is another one. */
  changed(): void;
}

/** Milliseconds from which on a message that waits is shown: what the broker answers at once is no news. */
const SHORTEST_WAIT = 2000;

/** Milliseconds between two looks. */
const LOOK = 1000;

/** The same for each node that shows it, where there are many: a hundred of them change in a second at most. */
const LOOK_PER_NODE = 10;

/** What became of messages that did not wait to the end, in the order in which it is shown. */
const ENDS: readonly (readonly [code: MqttErrorCode, words: StatusWords])[] = [
  ['outbox-full', 'not-taken'],
  ['dropped', 'dropped'],
  ['expired', 'expired'],
];

/** Looks from time to time at what waits for the broker, so that publishing costs nothing for it. */
export class OutboxLight {
  readonly #owner: OutboxLightOwner;
  #timer: NodeJS.Timeout | undefined;
  #text: string | undefined;

  constructor(owner: OutboxLightOwner) {
    this.#owner = owner;
  }

  /** Such as `12 waiting (3 min), 2 dropped`; undefined: nothing waits for long. */
  get text(): string | undefined {
    return this.#text;
  }

  /** Unless it looks already. */
  begin(): void {
    this.#timer ??= setTimeout(() => this.#look(), Math.max(LOOK, this.#owner.nodes() * LOOK_PER_NODE)).unref();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#text = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    this.begin();
    const text = waitingText(this.#owner.outbox(), this.#owner.failures());
    if (text === this.#text) return;
    this.#text = text;
    this.#owner.changed();
  }
}

export function waitingText(outbox: Outbox | undefined, failures: Failures): string | undefined {
  if (outbox?.oldest === undefined || outbox.oldest < SHORTEST_WAIT) return undefined;
  const ends = ENDS.flatMap(([code, words]) => {
    const count = failures[code] ?? 0;
    return count === 0 ? [] : [statusPart(words, { count })];
  });
  return joinedStatus(statusPart('waiting', { count: outbox.messages, age: ageOf(outbox.oldest) }), ...ends);
}

/** A status with what waits: a connection that is up is not all well then. */
export function withOutbox(status: NodeStatus, text: string | undefined): NodeStatus {
  if (text === undefined) return status;
  return { ...status, fill: status.fill === 'green' ? 'yellow' : status.fill, text: joinedStatus(status.text, text) };
}
