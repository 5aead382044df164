import type { QoS } from '../protocol/packet.ts';
import { FilterTree } from '../router/filter-tree.ts';
import type { Router } from '../router/router.ts';
import type { SubscriptionEntry } from './subscription-entry.ts';
import type { SubscriptionLink } from './subscription-link.ts';

/** Answered PINGREQs, with no message at QoS 1 or 2 between them, after which nothing is on its way. */
const CALM_BARRIERS = 3;

/** After so many in all nothing is, on a connection that is never calm too, unless what is retained still comes. */
const MOST_BARRIERS = 6;

/**
 * Whether what a SUBSCRIBE brings of what the Server retains has come. A Server that is killed before it has sent all of
 * that may come back with an older session, which knows nothing of it; and at QoS 0 it is lost with the connection.
 * What came at QoS 1 or 2 tells that it is in the session, with the rest of it (4.1), unless the session may be an older one.
 */
export class RetainedArrival {
  readonly #router: Router;
  /** Those that may not have all of it, by filter. */
  readonly #awaiting = new Set<SubscriptionEntry>();
  readonly #byFilter = new FilterTree<SubscriptionEntry>();
  /** Those of them that had some of it at QoS 1 or 2. */
  readonly #seen = new Set<SubscriptionEntry>();

  constructor(router: Router) {
    this.#router = router;
  }

  /** SUBSCRIBEs for them were answered, which bring it. */
  answered(entries: readonly SubscriptionEntry[], link: SubscriptionLink): void {
    const coming = entries.filter(({ awaitsRetained }) => awaitsRetained);
    if (coming.length === 0) return;
    // Without a session nothing is left of it behind the connection.
    if (link.limits.sessionExpiryInterval === 0) return coming.forEach((entry) => this.#came(entry));
    for (const entry of coming) this.#await(entry);
    this.#awaitCalm(link, () => coming.forEach((entry) => this.#came(entry)));
  }

  /** Something that may be retained came. */
  came(topic: string, qos: QoS): void {
    if (qos === 0 || this.#awaiting.size === this.#seen.size) return;
    for (const entry of this.#byFilter.covering(topic)) this.#seen.add(entry);
  }

  /** Another connection. @param isSame whether the Server surely has the session of before: what came tells of the rest. */
  connected(isSame: boolean): void {
    if (isSame) for (const entry of this.#seen) this.#came(entry);
    for (const entry of this.#awaiting) this.#forget(entry);
  }

  #await(entry: SubscriptionEntry): void {
    this.#awaiting.add(entry);
    this.#byFilter.set(entry.filter, entry);
  }

  #came(entry: SubscriptionEntry): void {
    entry.retainedCame();
    if (!entry.isAsking) this.#router.endRetained(entry.filter);
    this.#forget(entry);
  }

  #forget(entry: SubscriptionEntry): void {
    this.#seen.delete(entry);
    if (this.#awaiting.delete(entry)) this.#byFilter.delete(entry.filter);
  }

  /**
   * Calls back when nothing came that may stand in front of what is retained, or so much that it has passed. While flows
   * work on what came, nothing may come because the Server has as much in flight as may be (4.9).
   */
  #awaitCalm(link: SubscriptionLink, calm: () => void, barriers = CALM_BARRIERS, left = MOST_BARRIERS): void {
    link.acknowledged(() => this.#awaitAnswer(link, calm, barriers, left));
  }

  #awaitAnswer(link: SubscriptionLink, calm: () => void, barriers: number, left: number): void {
    const before = link.handed;
    const { retainedCame } = this.#router;
    link.barrier(() => {
      // Live messages look like it no more than once on each topic.
      const isComing = this.#router.retainedCame !== retainedCame;
      if (isComing) return this.#awaitCalm(link, calm);
      const isCalm = link.handed === before;
      if ((isCalm && barriers === 1) || left === 1) return calm();
      this.#awaitCalm(link, calm, isCalm ? barriers - 1 : CALM_BARRIERS, left - 1);
    });
  }
}
