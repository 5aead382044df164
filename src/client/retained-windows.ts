import type { SubscriptionOptions } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';
import type { Receiver, Router, Withheld } from '../router/router.ts';
import { type Asked, hasAllRetained, hasRetained, type Member, type SubscriptionEntry } from './subscription-entry.ts';
import type { SubscriptionLink } from './subscription-link.ts';
import { type AskedWish, membersOf, type WireWish } from './wire-plan.ts';

/** Answered PINGREQs, with nothing of what the Server retains between them, after which all of it has come. */
const CALM_BARRIERS = 3;

const NOBODY: ReadonlySet<Member> = new Set();

/** A SUBSCRIBE whose retained messages may still come, and what of them is not for those who are not to have them. */
interface Window {
  readonly asked: Asked;
  readonly rule: Withheld;
  /** Those for whom it was sent: they have nothing of it before. */
  readonly awaiting: ReadonlySet<Member>;
}

/**
 * While a SUBSCRIBE may bring what the Server retains, which is not for all receivers of its filter: those who had it, or
 * want none of it, are withheld it (3.3.1.3, 3.8.3.1).
 */
export class RetainedWindows {
  readonly #router: Router;
  /** By the entry that was asked for: several of one, where nodes come one after another. */
  readonly #open = new Map<SubscriptionEntry, readonly Window[]>();
  /** By entry: how many of them may bring something for its receivers, by itself or by one that covers it. */
  readonly #concerned = new Map<SubscriptionEntry, number>();
  /**
   * Live messages with the RETAIN flag may be under way, or queued: Retain As Published was asked for in this session, or
   * may have been by an earlier client.
   */
  #flagged = true;
  /** Filters of this session that were asked for with Retain As Published; undefined: an earlier client may have, for any. */
  #published: Set<TopicFilter> | undefined;

  constructor(router: Router) {
    this.#router = router;
  }

  /** Whether any is open. */
  get some(): boolean {
    return this.#open.size > 0;
  }

  /** The Server has begun a session in which nothing was asked for yet. */
  forget(): void {
    this.#flagged = false;
    this.#published = new Set();
  }

  /** The Server does not have the filter any more. */
  gone(filter: TopicFilter): void {
    this.#published?.delete(filter);
  }

  /** The connection is gone. @returns those that may have been asked for with other options than they are wanted with. */
  end(filters: Iterable<TopicFilter>): readonly SubscriptionEntry[] {
    const concerned = [...this.#open.keys(), ...this.#concerned.keys()];
    this.#open.clear();
    this.#concerned.clear();
    for (const filter of filters) this.#router.withholdNothing(filter);
    return concerned;
  }

  /** The SUBSCRIBE leaves. */
  open({ entry, serves, asked }: AskedWish, { mqtt5 }: SubscriptionLink): void {
    const { options } = asked;
    const isFlagged = asked.identifier === undefined ? this.#flagged : this.#wasPublished(entry);
    const ambiguous = mqtt5 && (options.retainAsPublished || isFlagged);
    if (options.retainAsPublished) {
      this.#flagged = true;
      this.#published?.add(entry.filter);
    }
    // Before MQTT 5 there is no Retain Handling: every SUBSCRIBE brings what is retained (3.1.1, 3.8.4).
    if (mqtt5 && options.retainHandling === 2) return;
    for (const served of serves) this.#awaitRetained(served);
    const rule = ambiguous ? 'repeated' : 'first';
    for (const served of serves) {
      // Copies of what it brings are not for one that still has its own identifier.
      if (asked.identifier !== undefined && !served.comesBy(entry)) continue;
      this.#router.withhold(served.filter, {
        rules: withheldFrom(served, rule, mqtt5),
        identifier: asked.identifier,
        isSure: !ambiguous,
      });
    }
    if (mqtt5 && serves.some(hasWithheld)) {
      const awaiting = new Set(membersOf(serves).filter((member) => !hasRetained(member)));
      for (const served of serves) this.#concerned.set(served, (this.#concerned.get(served) ?? 0) + 1);
      this.#open.set(entry, [...this.#of(entry), { asked, rule, awaiting }]);
    }
  }

  /** Somebody comes who wants nothing of what may be on its way. */
  added(entry: SubscriptionEntry, receiver: Receiver, mqtt5: boolean): void {
    const which = this.#of(entry).length > 0 ? 'open' : 'told';
    this.#router.refrain(entry.filter, receiver, mqtt5 ? which : 'any');
  }

  /** While what is retained comes, a filter keeps the options with which it was asked for it. */
  held(wish: WireWish): WireWish {
    const { wire } = wish.entry;
    const isHeld = (wire.state === 'asked' || wire.state === 'granted') && this.#concerned.has(wish.entry);
    if (!isHeld) return wish;
    return { ...wish, options: { ...wish.options, retainAsPublished: wire.options.retainAsPublished } };
  }

  /** From now on the entry gets what `cover` brings, which may be retained still. */
  join(entry: SubscriptionEntry, cover: SubscriptionEntry): void {
    for (const { asked, rule, awaiting } of this.#of(cover)) {
      const rules = withheldFrom(entry, rule, true, awaiting);
      const withholding = { rules, identifier: asked.identifier, isSure: rule === 'first' };
      this.#router.withholdOf(cover.filter, entry.filter, withholding);
    }
  }

  /**
   * The SUBSCRIBE was answered; `over` is called when all that it brings has come. Servers send no more of it at once than
   * may be in flight (4.9), which other messages and what other SUBSCRIBEs bring may fill, and at QoS 2 the next one takes
   * two round trips.
   */
  answered(request: AskedWish, link: SubscriptionLink, over: () => void, barriers: number = CALM_BARRIERS): void {
    if (!this.#isOpen(request)) return;
    const before = this.#router.retainedCame;
    link.barrier(() => {
      if (!this.#isOpen(request)) return;
      const came = this.#router.retainedCame !== before;
      if (came) return this.answered(request, link, over);
      if (barriers > 1) return this.answered(request, link, over, barriers - 1);
      this.close(request);
      over();
    });
  }

  close(request: AskedWish): void {
    const { entry, asked, serves } = request;
    const window = this.#of(entry).find((one) => one.asked === asked);
    if (window !== undefined) for (const served of serves) this.#concernsLess(served);
    const others = this.#of(entry).filter((other) => other.asked !== asked);
    if (others.length > 0) this.#open.set(entry, others);
    else this.#open.delete(entry);
    // Where flag and identifier tell, what comes late is known too: flows may keep the Server from sending it (4.9).
    if (window?.rule === 'first' && asked.identifier !== undefined) return;
    for (const { filter } of serves) this.#router.brought(filter, asked.identifier);
  }

  /**
   * With Retain As Published a live message looks like one that the Server retained. While a SUBSCRIBE brings the retained
   * ones, and somebody is not to have them, the filter does without it; then it is asked for again. Not where all who had
   * them had them with the flag: then copies are known by their content. Nor where the Server may have had the filter with
   * it, for it may go on with it (mosquitto up to 2.0).
   */
  opening({ entry, serves, options }: WireWish, { mqtt5 }: SubscriptionLink): SubscriptionOptions {
    if (!mqtt5 || !options.retainAsPublished || this.#wasPublished(entry)) return options;
    // What the filter brought that covers it may be on its way still, and is known by the flag.
    if (this.#concerned.has(entry)) return { ...options, retainAsPublished: false };
    if (options.retainHandling === 2) return options;
    const withholds = membersOf(serves).some(
      (member) => member.options.retainHandling === 2 || (hasRetained(member) && !member.options.retainAsPublished),
    );
    return withholds ? { ...options, retainAsPublished: false } : options;
  }

  /** Those for whom it is asked may get it twice, if the connection ends. */
  #awaitRetained({ filter, members }: SubscriptionEntry): void {
    for (const [receiver, member] of members) if (!hasRetained(member)) this.#router.awaitRetained(filter, receiver);
  }

  #wasPublished({ filter }: SubscriptionEntry): boolean {
    return this.#published?.has(filter) ?? true;
  }

  #concernsLess(entry: SubscriptionEntry): void {
    const count = this.#concerned.get(entry) ?? 0;
    if (count > 1) this.#concerned.set(entry, count - 1);
    else this.#concerned.delete(entry);
  }

  #isOpen({ entry, asked }: AskedWish): boolean {
    return this.#of(entry).some((window) => window.asked === asked);
  }

  #of(entry: SubscriptionEntry): readonly Window[] {
    return this.#open.get(entry) ?? [];
  }
}

/**
 * Who had what is retained is not to have it again. Who may not have all of it yet is withheld only what he was given:
 * the SUBSCRIBE may never reach the Server, and what comes meanwhile is his. Who wants nothing gets nothing, where the flag is for nothing else: before MQTT 5 (3.3.1.3).
 */
function withheldFrom(
  { members }: SubscriptionEntry,
  rule: Withheld,
  mqtt5: boolean,
  awaiting: ReadonlySet<Member> = NOBODY,
): ReadonlyMap<Receiver, Withheld> | undefined {
  const rules = new Map<Receiver, Withheld>();
  for (const [receiver, member] of members) {
    if (member.options.retainHandling === 2) rules.set(receiver, mqtt5 ? rule : 'all');
    else if (hasAllRetained(member) && !awaiting.has(member)) rules.set(receiver, rule);
    else if ((hasRetained(member) && !awaiting.has(member)) || member.mayHaveCome) rules.set(receiver, 'again');
  }
  return rules.size === 0 ? undefined : rules;
}

function hasWithheld(entry: SubscriptionEntry): boolean {
  return withheldFrom(entry, 'repeated', true) !== undefined;
}
