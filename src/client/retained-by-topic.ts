import type { QoS } from '../protocol/packet.ts';
import { hasWildcard } from '../protocol/topic.ts';
import type { Member, SubscriptionEntry } from './subscription-entry.ts';
import type { SubscriptionLink } from './subscription-link.ts';
import type { AskedWish } from './wire-plan.ts';

/** Connections in a row that ended while filters were asked for, after which they are not on the next one, on two, four, … */
const MOST_IN_VAIN = 2;

/**
 * RabbitMQ sends what it retains for filters without wildcards alone: nodes whose filter another one covers would get
 * none of it (ADR 17). Where a wildcard brought nothing retained, and the Server may be one of that kind, the covered
 * filters are asked for by themselves and left again in one write.
 */
export class RetainedByTopic {
  /** Requests that are not answered, and connections in a row that ended before they were: the Server may hang up on them. */
  #asking = 0;
  #inVain = 0;
  /** Connections on which they are not asked for. */
  #rest = 0;
  /** Then it is not RabbitMQ. */
  #hasQos2 = false;
  /** Covered filters of which the Server has to answer first whether it retains something for the one that covers them. */
  readonly #inDoubt = new Set<SubscriptionEntry>();
  readonly #missed = new Set<SubscriptionEntry>();
  /** On which they were asked for. */
  #link: SubscriptionLink | undefined;
  readonly #comes: (entries: readonly SubscriptionEntry[], link: SubscriptionLink) => void;

  /** @param comes told of what entries the Server sends what it retains, or has sent it. */
  constructor(comes: (entries: readonly SubscriptionEntry[], link: SubscriptionLink) => void) {
    this.#comes = comes;
  }

  /** Whether there are filters to be asked for by themselves. */
  get pending(): boolean {
    return this.#missed.size > 0;
  }

  /** Whether there are, or may be. */
  get unsettled(): boolean {
    return this.pending || this.#inDoubt.size > 0;
  }

  /** What a SUBSCRIBE was granted. */
  granted(qos: QoS): void {
    if (qos < 2) return;
    this.#hasQos2 = true;
    this.#nothingIsMissing();
  }

  /**
   * A message that was retained came, and the Server has no filter without wildcards for it. That holds for now: it may be
   * what came late of such a filter that is gone.
   */
  came(): void {
    this.#nothingIsMissing();
  }

  /**
   * The SUBSCRIBE of a filter was answered that covers those it serves. Whose members are to wait for what the Server
   * retains, because it may not have come; in the others they had it. Before MQTT 5 the RETAIN flag tells (3.3.1.3).
   */
  answered({ entry, serves }: AskedWish, link: SubscriptionLink): ReadonlySet<SubscriptionEntry> {
    const mayMiss = !this.#hasQos2 && !link.mqtt5 && this.#rest === 0;
    const covered = new Set(mayMiss ? serves.filter((served) => isMissing(served, entry)) : []);
    if (covered.size === 0) return covered;
    this.#link = link;
    for (const served of covered) this.#inDoubt.add(served);
    link.barrier(() => this.#decide(covered));
    return covered;
  }

  /** They could not be asked for. */
  again(entries: readonly SubscriptionEntry[]): void {
    for (const entry of entries) this.#missed.add(entry);
  }

  /** They are asked for; the request is answered with these codes by a call of what is returned. */
  ask(entries: readonly SubscriptionEntry[], link: SubscriptionLink): (codes: readonly number[]) => void {
    this.#asking += 1;
    return (codes) => {
      this.#asking -= 1;
      this.#inVain = 0;
      for (const code of codes) if (code < 0x80) this.granted(code as QoS);
      this.#comesFor(entries, link);
    };
  }

  /** Those that are to be asked for now. */
  take(): SubscriptionEntry[] {
    const missed = [...this.#missed];
    this.#missed.clear();
    return missed;
  }

  /** The connection is gone. */
  end(): void {
    if (this.#asking > 0) this.#endedInVain();
    else if (this.#rest > 0) this.#rest -= 1;
    this.#asking = 0;
    this.#link = undefined;
    this.#inDoubt.clear();
    this.#missed.clear();
  }

  /** It may have been for another reason: they are asked for again, ever more rarely. */
  #endedInVain(): void {
    this.#inVain += 1;
    if (this.#inVain >= MOST_IN_VAIN) this.#rest = 2 ** (this.#inVain - MOST_IN_VAIN);
  }

  #decide(covered: ReadonlySet<SubscriptionEntry>): void {
    for (const entry of covered) if (this.#inDoubt.delete(entry)) this.#missed.add(entry);
  }

  #nothingIsMissing(): void {
    const inDoubt = [...this.#inDoubt];
    this.#inDoubt.clear();
    if (this.#link !== undefined && inDoubt.length > 0) this.#comesFor(inDoubt, this.#link);
  }

  #comesFor(entries: readonly SubscriptionEntry[], link: SubscriptionLink): void {
    for (const entry of entries) entry.retainedComes();
    this.#comes(entries, link);
  }
}

/** Whether it has no wildcard, and somebody waits for what the Server retains. */
function isMissing(served: SubscriptionEntry, cover: SubscriptionEntry): boolean {
  if (served === cover || hasWildcard(served.filter)) return false;
  return [...served.members.values()].some((member) => isAsked(member) && member.options.retainHandling !== 2);
}

function isAsked({ retained }: Member): boolean {
  return retained === 'asked';
}
