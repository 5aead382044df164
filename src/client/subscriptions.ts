import { MqttError, PacketTooLarge, SubscriptionRefused } from '../protocol/errors.ts';
import type { QoS, SubscriptionOptions, UserProperties } from '../protocol/packet.ts';
import { hasWildcard, matchedFilter, type TopicFilter } from '../protocol/topic.ts';
import type { ServerLimits } from '../connection/server-limits.ts';
import type { Granted, Receiver, Router, Vacancy } from '../router/router.ts';
import { LONGEST_ANSWER, type PendingRequest } from '../session/requests.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { SessionStore, StoredSubscription } from '../store/session-store.ts';
import { type Random, systemRandom } from '../util/clock.ts';
import { FilterTree } from '../router/filter-tree.ts';
import { CoverPlan } from './cover-plan.ts';
import type { OutcomeListener, SubscriptionOutcome } from './outcome.ts';
import { type Leave, Leaves } from './leaves.ts';
import { halves, subscribeBatches } from './subscribe-batches.ts';
import { type Asked, exceeds, type Member, type Subscribed, SubscriptionEntry } from './subscription-entry.ts';
import type { SubscriptionLink } from './subscription-link.ts';
import { SubscriptionRecords } from './subscription-records.ts';
import { RetainedArrival } from './retained-arrival.ts';
import { RetainedByTopic } from './retained-by-topic.ts';
import { RetainedWindows } from './retained-windows.ts';
import {
  type AskedWish,
  differsFromWire,
  membersOf,
  type OpeningWish,
  planEach,
  reached,
  type WirePlan,
  type WireWish,
} from './wire-plan.ts';

/** What is not sure of a session that the Server has: nothing, its subscriptions, or the session itself. */
export type Doubt = 'none' | 'subscriptions' | 'session';

const HIGHEST_IDENTIFIER = 268_435_455;

/** Filters that left which are remembered: an older session may have them. */
const MOST_LEFT = 10_000;

/**
 * What the receivers want, and what the Server has: each filter at most once on the wire, with the options of all its
 * receivers merged, in as few packets as the brokers allow.
 */
export class Subscriptions {
  readonly #router: Router;
  readonly #perPacket: number;
  /** Of every SUBSCRIBE. */
  readonly #userProperties: UserProperties | undefined;
  readonly #records: SubscriptionRecords;
  /** Filters of an earlier client that the Server had: those that they covered had no others. */
  #inherited = new FilterTree<TopicFilter>();
  readonly #entries = new Map<TopicFilter, SubscriptionEntry>();
  /** Entries whose wishes and wire may differ. */
  readonly #dirty = new Set<SubscriptionEntry>();
  /** Entries that are kept for receivers that may come back. */
  readonly #kept = new Set<SubscriptionEntry>();
  /** Begins somewhere at random, so that the identifiers of an earlier process mean nothing here. */
  #identifier: number;
  readonly #windows: RetainedWindows;
  readonly #arrival: RetainedArrival;
  readonly #byTopic: RetainedByTopic;
  readonly #leaves = new Leaves();
  /** Filters that the Server was told to forget in this session, and has not had since, the latest last. */
  readonly #givenUp = new Set<TopicFilter>();
  /** Of the latest connection. */
  #mqtt5 = true;
  /** Valid for the connection, where there are no Subscription Identifiers. */
  #coverPlan: CoverPlan | undefined;

  /** @param store knows what the Server kept of an earlier client's subscriptions. */
  constructor(
    router: Router,
    filtersPerPacket: number,
    store: SessionStore = new MemoryStore(),
    userProperties?: UserProperties,
    random: Random = systemRandom,
  ) {
    this.#identifier = 1 + Math.floor(random() * (HIGHEST_IDENTIFIER / 2));
    this.#userProperties = userProperties;
    this.#router = router;
    this.#windows = new RetainedWindows(router);
    this.#arrival = new RetainedArrival(router);
    this.#byTopic = new RetainedByTopic((entries, link) => this.#arrival.answered(entries, link));
    router.onRetained = (topic, qos) => this.#retainedCame(topic as TopicFilter, qos);
    this.#perPacket = filtersPerPacket;
    this.#records = new SubscriptionRecords(store);
    for (const record of this.#records.all) {
      this.#keep(this.#restore(record));
      this.#inherited.set(record.filter, record.filter);
    }
    // Where the UNSUBSCRIBE of one of two was not answered, the Server may have had the wider one alone.
    for (const { filter } of this.#records.all) {
      this.#inherit(filter, (covering) => this.#records.isLeaving(filter) || this.#records.isLeaving(covering));
    }
  }

  /** Whether `flush` may have something to send. */
  get pending(): boolean {
    return this.#dirty.size > 0 || this.#byTopic.pending;
  }

  /** Whether there is something to send, or will be when what the Server retains has come. */
  get unsettled(): boolean {
    return this.pending || this.#windows.some || this.#byTopic.unsettled;
  }

  add(filter: TopicFilter, receiver: Receiver, options: SubscriptionOptions, outcome: OutcomeListener): void {
    const known = this.#entries.get(filter);
    const entry = known ?? this.#enter(new SubscriptionEntry(filter));
    entry.add(receiver, options, outcome);
    this.#router.add(filter, receiver);
    if (options.retainHandling === 2) this.#windows.added(entry, receiver, this.#mqtt5);
    if (known === undefined) this.#inherit(filter);
    this.#dirty.add(entry);
  }

  has(filter: TopicFilter, receiver: Receiver): boolean {
    return this.#entries.get(filter)?.members.has(receiver) === true;
  }

  /** The receiver does not want the filter any more; without another one it is unsubscribed. */
  remove(filter: TopicFilter, receiver: Receiver): void {
    const entry = this.#entries.get(filter);
    if (entry?.remove(receiver) !== true) return;
    this.#router.remove(filter, receiver);
    this.#dirty.add(entry);
  }

  /**
   * The receiver goes, but its subscription stays with the Server as it is until somebody takes it up or `prune` is
   * called; its place waits for one of the same `ref`.
   */
  release(filter: TopicFilter, receiver: Receiver): Vacancy | undefined {
    const entry = this.#entries.get(filter);
    if (entry?.release(receiver) !== true) return undefined;
    this.#keep(entry);
    return this.#router.release(filter, receiver);
  }

  /** Unsubscribes what was released and not taken up again, and waits for nobody any more. */
  prune(): void {
    this.#router.prune();
    for (const entry of this.#kept) {
      entry.prune();
      this.#dirty.add(entry);
    }
    this.#kept.clear();
  }

  /** Nobody wants anything any more. */
  clear(): void {
    this.prune();
    for (const entry of this.#entries.values()) {
      for (const receiver of entry.members.keys()) this.remove(entry.filter, receiver);
      this.#dirty.add(entry);
    }
  }

  /**
   * A new connection. With its session the Server has kept what it granted; without it everything is asked anew.
   *
   * @param doubt `session`: it may have begun since the last answer: everything is asked anew as well, but what the
   *   Server queued for the subscriptions of before may still come, under their identifiers. `subscriptions`: the Server
   *   may have it as it was some time ago: what it had is asked for once more.
   */
  connected(sessionPresent: boolean, doubt: Doubt = 'none'): void {
    const kept = sessionPresent && doubt === 'none';
    this.#arrival.connected(kept);
    if (!sessionPresent) {
      this.#givenUp.clear();
      this.#windows.forget();
      this.#inherited = new FilterTree();
      for (const { filter } of this.#records.all) this.#forget(filter);
    }
    // Its UNSUBSCRIBE was not answered: it is sent again.
    for (const record of this.#records.all) {
      const entry = this.#entries.get(record.filter);
      if (entry === undefined) this.#dirty.add(this.#restore(record));
      else if (record.unanswered === 'unsubscribe') entry.remains();
    }
    if (doubt !== 'none') for (const filter of this.#givenUp) this.#mayBeBack(filter);
    for (const entry of this.#entries.values()) {
      if (kept && entry.isSettled && !entry.awaitsRetained) continue;
      if (!sessionPresent) this.#reset(entry);
      else if (doubt === 'session') this.#doubt(entry);
      else if (doubt === 'subscriptions') this.#mayBeGone(entry);
      entry.wantRetained();
      entry.forgive();
      this.#dirty.add(entry);
    }
  }

  /** The connection is gone: what was asked and not answered will be asked again. */
  disconnected(): void {
    for (const { filter } of this.#records.all) if (this.#records.isLeaving(filter)) this.#leaveInDoubt(filter);
    for (const leave of this.#leaves.drain()) this.#cameBy(leave);
    this.#coverPlan = undefined;
    this.#byTopic.end();
    for (const entry of this.#windows.end(this.#entries.keys())) this.#setRight(entry);
    for (const entry of this.#entries.values()) {
      if (entry.wire.state === 'asked') this.#askedInVain(entry.filter, entry.wire);
      entry.lost();
    }
  }

  /** What it has on the wire may not be what is wanted. */
  #setRight(entry: SubscriptionEntry): void {
    if (this.#entries.get(entry.filter) === entry) this.#dirty.add(entry);
  }

  /** Its answer does not come any more: the Server may have it, also when nobody here wants it any more. */
  #askedInVain(filter: TopicFilter, { options, identifier }: Asked): void {
    this.#router.revoke(filter);
    this.#records.asked({ filter, options, identifier, granted: options.qos });
  }

  /** Sends what changed since the last time: first what is wanted, so that nothing is missed, then what is not. */
  flush(link: SubscriptionLink): void {
    this.#mqtt5 = link.mqtt5;
    this.#askByTopic(link);
    const dirty = new Set(this.#dirty);
    this.#dirty.clear();
    for (const entry of dirty) if (entry.members.size > 0) this.#refuseUnavailable(entry, link.limits);
    const { wishes, off, moved } = this.#plan(dirty, link);
    const identified = link.limits.subscriptionIdentifiersAvailable;
    const held = wishes.map((wish) => this.#windows.held(wish));
    const changed = held
      .filter((wish) => differsFromWire(wish, identified))
      .map((wish) => ({ ...wish, opening: this.#windows.opening(wish, link) }));
    const others = changed.filter(({ entry, opening }) => entry.isOtherwise(opening, link.mqtt5));
    this.#unsubscribe(
      others.map(({ entry }) => entry),
      link,
    );
    this.#subscribe(changed, link);
    const refused = wishes.filter(({ entry: { wire } }) => wire.state === 'refused' && wire.stays !== true);
    const gone = off.filter((entry) => !this.#waitsForCover(entry));
    this.#unsubscribe([...refused.map(({ entry }) => entry), ...gone], link);
    for (const wish of wishes) this.#adopt(wish, moved);
    for (const wish of wishes) this.#tellWhatIsGranted(wish, link, ({ told }) => !told);
    for (const entry of off) this.#dropIfOver(entry);
  }

  /** Unless they are on the wire by now: then what the Server retains comes by that. */
  #askByTopic(link: SubscriptionLink): void {
    const missed = this.#byTopic.take().filter(({ onWire, wanted }) => wanted && !onWire);
    for (let start = 0; start < missed.length; start += this.#perPacket) {
      this.#sendByTopic(missed.slice(start, start + this.#perPacket), link);
    }
  }

  /** What arrived of this, and was not answered, is left once more by whoever has the session next. */
  #sendByTopic(entries: readonly SubscriptionEntry[], link: SubscriptionLink): void {
    const packetId = link.takePacketId();
    if (packetId === undefined) return this.#byTopic.again(entries);
    // At QoS 2 to see whether the Server has it.
    const options = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const subscriptions = entries.map(({ filter }) => ({ filter, ...options }));
    link.send(
      { cmd: 'subscribe', packetId, subscriptions, subscriptionIdentifier: undefined, userProperties: undefined },
      { cmd: 'subscribe', count: entries.length, answered: this.#byTopic.ask(entries, link) },
    );
    for (const entry of entries) {
      this.#records.asked({ filter: entry.filter, options, identifier: undefined, granted: 2 });
      entry.remains();
    }
    this.#unsubscribe(entries, link);
  }

  /** By which SUBSCRIBE it came is known where the Server has no filter of just this topic, or is about to leave it. */
  #retainedCame(topic: TopicFilter, qos: QoS): void {
    this.#arrival.came(topic, qos);
    if (!this.#byTopic.unsettled) return;
    if (this.#entries.get(topic)?.onWire !== true && !this.#leaves.has(topic)) this.#byTopic.came();
  }

  /** It stays on the wire until the Server has granted the one that covers it, which it may refuse. */
  #waitsForCover(entry: SubscriptionEntry): boolean {
    const cover = entry.onWire || entry.mayBeLeftover ? this.#coverPlan?.serverOf(entry) : undefined;
    return cover !== undefined && cover.granted === undefined;
  }

  /** From now on its messages come by the one that covers it. */
  #leaveToCover(entry: SubscriptionEntry): void {
    const cover = this.#coverPlan?.serverOf(entry);
    if (cover === undefined) return;
    if (cover.granted !== undefined) this.#comeBy(entry, cover.granted);
    if (cover.wire.state === 'asked') this.#identify(entry, cover.wire);
    this.#windows.join(entry, cover);
    // Who wants what is retained gets it from now on.
    this.#dirty.add(cover);
  }

  /** Whether its UNSUBSCRIBE arrived is not known: its messages may come by both. */
  #leaveInDoubt(filter: TopicFilter): void {
    const entry = this.#entries.get(filter);
    if (entry?.onWire === false) this.#leaveToCover(entry);
  }

  /** Since the Server had the UNSUBSCRIBE its messages came by what covered the filter then, whatever covers it now. */
  #cameBy({ filter, by }: Leave): void {
    if (by !== undefined) this.#router.hadBy(filter, by.cover, by.identifier);
  }

  /** Its UNSUBSCRIBE leaves. */
  #leave(entry: SubscriptionEntry): Leave {
    const { filter, wire } = entry;
    // What was asked for the Server may have granted, though the answer is not there.
    if (wire.state === 'asked') this.#keepGranted(filter, wire, wire.options.qos);
    entry.unsubscribed();
    this.#records.leave(filter);
    // No copy by it is sure to come any more.
    this.#router.revoke(filter);
    const cover = this.#coverPlan?.serverOf(entry);
    const identifier = cover?.granted?.identifier;
    return {
      filter,
      by: cover === undefined || identifier === undefined ? undefined : { cover: cover.filter, identifier },
    };
  }

  #plan(dirty: ReadonlySet<SubscriptionEntry>, link: SubscriptionLink): WirePlan {
    if (eachForItself(link.limits)) return planEach(dirty);
    if (this.#coverPlan !== undefined) return this.#coverPlan.update(dirty);
    this.#coverPlan = new CoverPlan();
    return this.#coverPlan.update(new Set([...this.#entries.values(), ...dirty]));
  }

  #subscribe(wishes: readonly OpeningWish[], link: SubscriptionLink): void {
    const apart = link.limits.subscriptionIdentifiersAvailable;
    for (const batch of subscribeBatches(wishes, this.#perPacket, apart)) this.#sendSubscribe(batch, link);
  }

  #sendSubscribe(batch: readonly OpeningWish[], link: SubscriptionLink): void {
    const packetId = link.takePacketId();
    if (packetId === undefined) return batch.forEach(({ entry }) => this.#dirty.add(entry));
    const subscriptionIdentifier = link.limits.subscriptionIdentifiersAvailable ? this.#nextIdentifier() : undefined;
    const subscriptions = batch.map(({ entry, opening }) => ({ filter: entry.filter, ...opening }));
    const requests: AskedWish[] = [];
    const answered = (codes: readonly number[], reason: string | undefined): void => {
      for (const [index, request] of requests.entries()) this.#answered(request, codes[index] ?? 0x80, reason, link);
      this.#arrival.answered(
        requests.flatMap(({ serves }) => serves),
        link,
      );
    };
    const late = (): void => requests.forEach((request) => this.#late(request));
    try {
      link.send(
        { cmd: 'subscribe', packetId, subscriptions, subscriptionIdentifier, userProperties: this.#userProperties },
        { cmd: 'subscribe', count: batch.length, answered, late },
      );
    } catch (error) {
      if (!(error instanceof PacketTooLarge)) throw error;
      // Each filter may still fit into a packet of its own.
      if (batch.length > 1) return halves(batch).forEach((half) => this.#sendSubscribe(half, link));
      for (const { entry } of batch) this.#refuse(entry, error);
      return;
    }
    for (const wish of batch) requests.push(this.#asked(wish, subscriptionIdentifier, link));
  }

  #asked(wish: OpeningWish, subscriptionIdentifier: number | undefined, link: SubscriptionLink): AskedWish {
    const { entry, serves, opening, options } = wish;
    const isThere = entry.granted !== undefined;
    const asked = entry.ask(opening, subscriptionIdentifier, options);
    for (const served of serves) {
      if (!served.comesBy(entry)) continue;
      this.#router.join(served.filter, entry.filter);
      this.#identify(served, asked, served === entry && isThere);
    }
    this.#windows.open({ ...wish, asked }, link);
    for (const member of membersOf(reached(entry, serves, subscriptionIdentifier !== undefined))) {
      if (member.retained === 'wanted') member.retained = 'asked';
    }
    return { ...wish, asked };
  }

  /** Copies for the filter come with the identifier of the one that was asked for, which may cover it. */
  #identify(
    { filter }: SubscriptionEntry,
    { identifier, options }: Pick<Subscribed, 'identifier' | 'options'>,
    again = false,
  ): void {
    if (identifier === undefined) return;
    this.#router.identify(filter, identifier, this.#grantedBy(options, options.qos), again);
  }

  /** Filters whose messages come from now on by one that the Server has already. */
  #adopt({ entry, serves }: WireWish, moved: ReadonlySet<SubscriptionEntry>): void {
    const { wire } = entry;
    if ((wire.state !== 'granted' && wire.state !== 'asked') || wire.identifier === undefined) return;
    for (const served of serves) {
      if (served === entry || !moved.has(served) || !served.comesBy(entry)) continue;
      this.#router.join(served.filter, entry.filter);
      if (wire.state === 'granted') this.#comeBy(served, wire);
      else this.#identify(served, wire);
    }
  }

  /** The Server has granted already what brings the messages of `served` from now on. */
  #comeBy(served: SubscriptionEntry, granted: Subscribed): void {
    this.#identify(served, granted);
    this.#router.grant(served.filter, this.#grantedBy(granted.options, granted.qos));
  }

  #answered(request: AskedWish, code: number, reasonString: string | undefined, link: SubscriptionLink): void {
    const { entry, asked, serves } = request;
    if (entry.wire !== asked) return this.#answeredMeanwhile(request, code, link);
    if (code >= 0x80) {
      this.#windows.close(request);
      for (const member of membersOf(serves)) if (member.retained === 'asked') member.retained = 'wanted';
      return this.#refuse(entry, new SubscriptionRefused(entry.filter, code, reasonString));
    }
    entry.grant(asked, code as QoS);
    this.#grant(request, code as QoS);
    this.#answeredWindow(request, link);
    this.#byTopic.granted(code as QoS);
    const missing = this.#byTopic.answered(request, link);
    for (const each of serves) if (!missing.has(each)) each.retainedComes();
    const served = this.#coverPlan?.servedBy(entry) ?? serves;
    for (const other of served) if (other !== entry && (other.onWire || other.mayBeLeftover)) this.#dirty.add(other);
    this.#tellWhatIsGranted({ ...request, serves: [...served] }, link, () => true);
  }

  /** What it has in the meantime is told as if it were refused, until it is answered. Those with a filter of old go on. */
  #late({ entry, asked, serves }: AskedWish): void {
    if (entry.wire !== asked || asked.before.granted !== undefined) return;
    for (const served of this.#coverPlan?.servedBy(entry) ?? serves) {
      if (!served.comesBy(entry)) continue;
      served.tell(() => ({ granted: false, error: notAnswered(served.filter) }));
    }
  }

  /** The filter was asked for again since, or given up. What the Server granted it has until it answers that. */
  #answeredMeanwhile(request: AskedWish, code: number, link: SubscriptionLink): void {
    const { entry, asked } = request;
    if (code < 0x80 && entry.grantMeanwhile(asked, code as QoS)) {
      this.#keepGranted(entry.filter, asked, code as QoS);
      this.#router.grant(entry.filter, this.#grantedBy(asked.options, code as QoS), asked.identifier);
    }
    // What it brings comes all the same: also then its window ends.
    this.#answeredWindow(request, link);
  }

  /** Also those that were added while the answer was under way. */
  #grant({ entry, serves, asked: { options, identifier } }: AskedWish, granted: QoS): void {
    this.#keepGranted(entry.filter, { options, identifier }, granted);
    // Its own messages come by it until it leaves the wire, though another one may serve its receivers by then.
    for (const served of new Set([entry, ...(this.#coverPlan?.servedBy(entry) ?? serves)]))
      if (served.comesBy(entry)) this.#comeBy(served, { options, identifier, qos: granted });
  }

  #keepGranted(
    filter: TopicFilter,
    { options, identifier }: Pick<Asked, 'options' | 'identifier'>,
    granted: QoS,
  ): void {
    this.#givenUp.delete(filter);
    this.#records.keep({ filter, options, identifier, granted });
  }

  /** When all that the answer brings has come, the filter is asked for as it is wanted. */
  #answeredWindow(request: AskedWish, link: SubscriptionLink): void {
    const { entry, serves } = request;
    this.#windows.answered(request, link, () => {
      for (const each of [entry, ...serves]) if (this.#entries.get(each.filter) === each) this.#dirty.add(each);
    });
  }

  #tellWhatIsGranted({ entry, serves }: WireWish, link: SubscriptionLink, whom: (member: Member) => boolean): void {
    const { wire } = entry;
    if (wire.state !== 'granted' || wire.doubtful) return;
    const noLocal = link.mqtt5 && wire.options.noLocal;
    const outcome = ({ options }: Member): SubscriptionOutcome =>
      options.noLocal && !noLocal
        ? { granted: true, qos: wire.qos, unmet: 'no-local' }
        : { granted: true, qos: wire.qos };
    for (const served of serves) served.tell(outcome, whom);
  }

  /** Those that it would have served too are subscribed by themselves: they may be allowed. */
  #refuse(entry: SubscriptionEntry, error: MqttError): void {
    const before = entry.less;
    const hasLess = entry.refuse();
    this.#dirty.add(entry);
    const outcome = (): SubscriptionOutcome => ({ granted: false, error });
    if (hasLess && before !== undefined) return entry.tell(outcome, ({ options }) => exceeds(options, before.options));
    // The Server may go on with what it had, under the identifier of then.
    if (entry.wire.state === 'refused' && entry.wire.stays === true) this.#router.revoke(entry.filter);
    else this.#router.identify(entry.filter, undefined);
    if (!entry.mayBeLeftover) this.#records.forget(entry.filter);
    entry.tell(outcome);
  }

  /** What the Server said it does not offer is not asked for (3.2.2.3.11 to 13): the connection would be lost for it. */
  #refuseUnavailable(entry: SubscriptionEntry, limits: ServerLimits): void {
    const missing = entry.wire.state === 'none' ? unavailable(entry, limits) : undefined;
    if (missing === undefined) return;
    const message = `the broker does not offer ${missing}: ${entry.filter} cannot be subscribed`;
    this.#refuse(entry, new MqttError('not-supported', message));
    this.#dirty.delete(entry);
  }

  #unsubscribe(entries: readonly SubscriptionEntry[], link: SubscriptionLink): void {
    const there = entries.filter((entry) => entry.onWire || entry.mayBeLeftover);
    for (let start = 0; start < there.length; start += this.#perPacket) {
      this.#sendUnsubscribe(there.slice(start, start + this.#perPacket), link);
    }
  }

  #sendUnsubscribe(entries: readonly SubscriptionEntry[], link: SubscriptionLink): void {
    const packetId = link.takePacketId();
    if (packetId === undefined) return entries.forEach((entry) => this.#dirty.add(entry));
    const leaves = entries.map((entry) => this.#leave(entry));
    const filters = entries.map(({ filter }) => filter);
    // Whatever the answer says, "no subscription existed" included: the Server has none of them now.
    const answered = (): void => leaves.forEach((leave) => this.#left(leave));
    const request: PendingRequest = { cmd: 'unsubscribe', count: filters.length, answered };
    try {
      link.send({ cmd: 'unsubscribe', packetId, filters }, request);
    } catch (error) {
      if (!(error instanceof PacketTooLarge)) throw error;
      if (entries.length > 1) return halves(entries).forEach((half) => this.#sendUnsubscribe(half, link));
      // Too large for this Server: it goes on sending what then matches nobody here.
      return;
    }
    for (const leave of leaves) this.#leaves.add(leave);
  }

  #keep(entry: SubscriptionEntry): void {
    entry.keep();
    this.#kept.add(entry);
  }

  /** The UNSUBSCRIBE was answered: the Server does not have the filter any more, unless it was asked for again since. */
  #left(leave: Leave): void {
    const { filter } = leave;
    const entry = this.#entries.get(filter);
    const isLast = this.#leaves.remove(leave);
    this.#cameBy(leave);
    if (entry?.onWire !== true && isLast) this.#gone(filter, entry);
  }

  /** Its messages may come by one that covers it all the same. */
  #gone(filter: TopicFilter, entry: SubscriptionEntry | undefined): void {
    this.#records.forget(filter);
    this.#isGivenUp(filter);
    this.#windows.gone(filter);
    if (entry !== undefined && this.#coverPlan?.serverOf(entry) !== undefined) return this.#leaveToCover(entry);
    // Wanted again, it gets what was queued for it.
    if (entry?.wanted === true) return;
    if (this.#coverPlan === undefined) this.#router.retire(filter);
    else this.#router.identify(filter, undefined);
  }

  #isGivenUp(filter: TopicFilter): void {
    this.#givenUp.delete(filter);
    this.#givenUp.add(filter);
    const [oldest] = this.#givenUp;
    if (this.#givenUp.size > MOST_LEFT && oldest !== undefined) this.#givenUp.delete(oldest);
  }

  #forget(filter: TopicFilter): void {
    this.#records.forget(filter);
    this.#router.identify(filter, undefined);
  }

  #reset(entry: SubscriptionEntry): void {
    entry.reset();
    this.#router.identify(entry.filter, undefined);
  }

  #doubt(entry: SubscriptionEntry): void {
    entry.doubt();
    this.#router.revoke(entry.filter);
  }

  /** In an older session it is still there. */
  #mayBeBack(filter: TopicFilter): void {
    const entry = this.#entries.get(filter) ?? this.#enter(new SubscriptionEntry(filter));
    entry.remains();
    this.#dirty.add(entry);
  }

  #mayBeGone(entry: SubscriptionEntry): void {
    entry.mayBeGone();
    this.#router.revoke(entry.filter);
  }

  /** Before MQTT 5 there is no Retain As Published. */
  #grantedBy({ noLocal, retainAsPublished }: SubscriptionOptions, qos: QoS): Granted {
    return { qos, noLocal, retainAsPublished: this.#mqtt5 && retainAsPublished };
  }

  #nextIdentifier(): number {
    this.#identifier = this.#identifier >= HIGHEST_IDENTIFIER ? 1 : this.#identifier + 1;
    return this.#identifier;
  }

  #enter(entry: SubscriptionEntry): SubscriptionEntry {
    this.#entries.set(entry.filter, entry);
    return entry;
  }

  /** What the Server granted in an earlier life comes by its old identifier until the filter is asked for again. */
  #restore(record: StoredSubscription): SubscriptionEntry {
    const { filter, identifier, options, granted } = record;
    this.#router.identify(filter, identifier);
    if (record.unanswered === undefined) this.#router.grantedBefore(filter, this.#grantedBy(options, granted));
    return this.#enter(SubscriptionEntry.restored(record));
  }

  #inherit(filter: TopicFilter, from: (covering: TopicFilter) => boolean = () => true): void {
    for (const covering of this.#inherited.covering(filter)) {
      if (covering !== filter && from(covering)) this.#router.inherit(filter, covering);
    }
  }

  #dropIfOver(entry: SubscriptionEntry): void {
    if (!entry.isOver || this.#dirty.has(entry) || this.#entries.get(entry.filter) !== entry) return;
    this.#entries.delete(entry.filter);
    this.#kept.delete(entry);
    // It came by one that covers it, whose messages are not for it any more.
    if (!this.#leaves.has(entry.filter)) this.#forget(entry.filter);
  }
}

function notAnswered(filter: TopicFilter): MqttError {
  const text = `the broker has not answered the SUBSCRIBE for ${filter} for ${LONGEST_ANSWER / 1000} s`;
  return new MqttError('not-answered', text, { retryable: true });
}

/**
 * With Subscription Identifiers a copy says for which filter it is. Not where a session is kept: brokers queue one copy
 * for several filters while its client is away, with the identifier of one of them alone.
 */
function eachForItself({ subscriptionIdentifiersAvailable, sessionExpiryInterval }: ServerLimits): boolean {
  return subscriptionIdentifiersAvailable && sessionExpiryInterval === 0;
}

function unavailable({ filter, shared }: SubscriptionEntry, limits: ServerLimits): string | undefined {
  if (shared && !limits.sharedSubscriptionAvailable) return 'shared subscriptions';
  const wildcard = hasWildcard(matchedFilter(filter));
  return wildcard && !limits.wildcardSubscriptionAvailable ? 'wildcard subscriptions' : undefined;
}
