import { MqttError, PacketTooLarge, SubscriptionRefused } from '../protocol/errors.ts';
import type {
  PacketId,
  QoS,
  SubscribePacket,
  SubscriptionOptions,
  UnsubscribePacket,
  UserProperties,
} from '../protocol/packet.ts';
import { hasWildcard, parseShare, type TopicFilter } from '../protocol/topic.ts';
import type { ServerLimits } from '../connection/server-limits.ts';
import { overlaps } from '../router/overlap.ts';
import type { Receiver, Router, Vacancy, Withheld } from '../router/router.ts';
import type { PendingRequest } from '../session/requests.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { SessionStore } from '../store/session-store.ts';
import { type Random, systemRandom } from '../util/clock.ts';
import type { OutcomeListener } from './outcome.ts';
import { type Entry, planCovering, planEach, refusesStored, wantsStored, type WireWish } from './wire-plan.ts';

/** Where subscriptions send their packets; one connection's worth. */
export interface SubscriptionLink {
  readonly limits: ServerLimits;
  /** Before MQTT 5 the RETAIN flag of a message tells for sure that it was stored (3.3.1.3). */
  readonly mqtt5: boolean;
  takePacketId(): PacketId | undefined;
  /** @throws {PacketTooLarge} */
  send(packet: SubscribePacket | UnsubscribePacket, request: PendingRequest): void;
  /** Calls back when the Server has handled everything sent so far, and its answers have arrived. */
  barrier(reached: () => void): void;
}

const HIGHEST_IDENTIFIER = 268_435_455;

/** Filters that overlap with everything would otherwise be compared with every batch there is. */
const MOST_OPEN_BATCHES = 16;

/**
 * What the receivers want, and what the Server has: each filter at most once on the wire, with the options of all its
 * receivers merged, in as few packets as the brokers allow.
 */
export class Subscriptions {
  readonly #router: Router;
  readonly #perPacket: number;
  readonly #store: SessionStore;
  /** Of every SUBSCRIBE. */
  readonly #userProperties: UserProperties | undefined;
  /** What the Server granted and has not confirmed to have forgotten. */
  readonly #kept: Set<TopicFilter>;
  readonly #entries = new Map<TopicFilter, Entry>();
  /** Entries whose wishes and wire may differ. */
  readonly #dirty = new Set<Entry>();
  /** Begins somewhere at random, so that the identifiers of an earlier process mean nothing here. */
  #identifier: number;

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
    this.#perPacket = filtersPerPacket;
    this.#store = store;
    this.#kept = new Set(store.load().subscriptions.map(({ filter }) => filter));
    for (const filter of this.#kept) this.#newEntry(filter).wire = 'granted';
  }

  /** Whether `flush` may have something to send. */
  get pending(): boolean {
    return this.#dirty.size > 0;
  }

  add(filter: TopicFilter, receiver: Receiver, options: SubscriptionOptions, outcome: OutcomeListener): void {
    const entry = this.#entries.get(filter) ?? this.#newEntry(filter);
    entry.members.set(receiver, { options, outcome, stored: 'wanted' });
    // A new receiver is a reason to ask again.
    if (entry.wire === 'refused') entry.wire = 'none';
    this.#router.add(filter, receiver);
    this.#tellRouter(entry);
    this.#dirty.add(entry);
  }

  /** The receiver does not want the filter any more; without another one it is unsubscribed. */
  remove(filter: TopicFilter, receiver: Receiver): void {
    const entry = this.#detach(filter, receiver);
    if (entry !== undefined) this.#dirty.add(entry);
  }

  /** The receiver goes, but its subscription stays with the Server until somebody takes it up or `prune` is called. */
  release(filter: TopicFilter, receiver: Receiver): Vacancy | undefined {
    this.#entries.get(filter)?.members.delete(receiver);
    return this.#router.release(filter, receiver);
  }

  /** Unsubscribes what was released and not taken up again. */
  prune(): void {
    this.#router.prune();
    for (const entry of this.#entries.values()) if (entry.members.size === 0) this.#dirty.add(entry);
  }

  /** Nobody wants anything any more. */
  clear(): void {
    for (const entry of this.#entries.values()) {
      for (const receiver of entry.members.keys()) this.#detach(entry.filter, receiver);
      this.#dirty.add(entry);
    }
  }

  /** A new connection. With its session the Server has kept what it granted; without it everything is asked anew. */
  connected(sessionPresent: boolean): void {
    for (const filter of this.#kept) {
      if (!sessionPresent) this.#forget(filter);
      // Its UNSUBSCRIBE was not answered: it is sent again.
      else if (!this.#entries.has(filter)) this.#dirty.add(Object.assign(this.#newEntry(filter), { wire: 'granted' }));
    }
    for (const entry of this.#entries.values()) {
      if (sessionPresent && entry.wire === 'granted') continue;
      entry.wire = 'none';
      this.#tellRouter(entry);
      if (!sessionPresent) forEachMember([entry], (member) => (member.stored = 'wanted'));
      this.#dirty.add(entry);
    }
  }

  /** The connection is gone: what was asked and not answered will be asked again. */
  disconnected(): void {
    for (const entry of this.#entries.values()) {
      this.#router.withhold(entry.filter, undefined);
      forEachMember([entry], (member) => (member.stored = member.stored === 'asked' ? 'wanted' : member.stored));
      if (entry.wire === 'asked') entry.wire = 'none';
    }
  }

  /** Sends what changed since the last time: first what is wanted, so that nothing is missed, then what is not. */
  flush(link: SubscriptionLink): void {
    const { subscriptionIdentifiersAvailable } = link.limits;
    const considered = subscriptionIdentifiersAvailable ? [...this.#dirty] : this.#wantedOrDirty();
    this.#dirty.clear();
    for (const entry of considered) if (entry.members.size > 0) this.#refuseUnavailable(entry, link.limits);
    const wishes = subscriptionIdentifiersAvailable ? planEach(considered) : planCovering(considered);
    this.#subscribe(wishes.filter(differsFromWire), link);
    const onWire = new Set(wishes.map(({ entry }) => entry));
    this.#unsubscribe(
      considered.filter((entry) => !onWire.has(entry)),
      link,
    );
  }

  /** What was released, and not found gone yet, is left alone. */
  #wantedOrDirty(): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.members.size > 0 || this.#dirty.has(entry));
  }

  #subscribe(wishes: readonly WireWish[], link: SubscriptionLink): void {
    for (const batch of this.#batches(wishes, link.limits)) this.#sendSubscribe(batch, link);
  }

  #sendSubscribe(batch: readonly WireWish[], link: SubscriptionLink): void {
    const packetId = link.takePacketId();
    if (packetId === undefined) return batch.forEach(({ entry }) => this.#dirty.add(entry));
    const subscriptionIdentifier = link.limits.subscriptionIdentifiersAvailable ? this.#nextIdentifier() : undefined;
    const versions = batch.map(({ entry }) => ++entry.version);
    const subscriptions = batch.map(({ entry, options }) => ({ filter: entry.filter, ...options }));
    const answered = (codes: readonly number[], reason: string | undefined): void => {
      for (const [index, wish] of batch.entries()) {
        if (wish.entry.version === versions[index]) this.#answered(wish, codes[index] ?? 0x80, reason, link);
      }
    };
    try {
      link.send(
        { cmd: 'subscribe', packetId, subscriptions, subscriptionIdentifier, userProperties: this.#userProperties },
        { cmd: 'subscribe', count: batch.length, answered },
      );
    } catch (error) {
      if (!(error instanceof PacketTooLarge)) throw error;
      // Each filter may still fit into a packet of its own.
      if (batch.length > 1) return halves(batch).forEach((half) => this.#sendSubscribe(half, link));
      for (const wish of batch) this.#refuse(wish.entry, error);
      return;
    }
    for (const wish of batch) this.#asked(wish, subscriptionIdentifier, link);
  }

  #asked(
    { entry, serves, options }: WireWish,
    subscriptionIdentifier: number | undefined,
    link: SubscriptionLink,
  ): void {
    entry.wire = 'asked';
    entry.asked = options;
    entry.identifier = subscriptionIdentifier;
    this.#tellRouter(entry);
    for (const served of serves) {
      this.#router.withhold(served.filter, withheldFrom(served, options.retainAsPublished && link.mqtt5));
      forEachMember([served], (member) => (member.stored = member.stored === 'wanted' ? 'asked' : member.stored));
    }
  }

  #answered(wish: WireWish, code: number, reasonString: string | undefined, link: SubscriptionLink): void {
    const { entry, serves, options } = wish;
    if (code >= 0x80) return this.#refuse(entry, new SubscriptionRefused(entry.filter, code, reasonString));
    entry.wire = 'granted';
    entry.granted = code as QoS;
    this.#keep(entry.filter);
    this.#tellRouter(entry);
    // A live message may carry the RETAIN flag too: then only what comes with the answer is known to be stored.
    if (link.mqtt5 && options.retainAsPublished && serves.some(hasReceiversWithoutStored)) {
      const { version } = entry;
      link.barrier(() => {
        if (entry.version === version) for (const { filter } of serves) this.#router.withhold(filter, undefined);
      });
    }
    forEachMember(serves, (member) => (member.stored = 'had'));
    forEachMember(serves, ({ outcome }) => outcome({ granted: true, qos: code as QoS }));
  }

  /** By which identifier copies for the filter come, and whether they are sure to come. */
  #tellRouter({ filter, wire, identifier, asked, granted }: Entry): void {
    const onWire = wire === 'asked' || wire === 'granted';
    this.#router.identify(filter, onWire ? identifier : undefined);
    if (wire === 'granted') this.#router.grant(filter, { qos: granted, noLocal: asked?.noLocal ?? false });
  }

  /** Those that it would have served too are subscribed by themselves: they may be allowed. */
  #refuse(entry: Entry, error: MqttError): void {
    entry.wire = 'refused';
    this.#forget(entry.filter);
    this.#tellRouter(entry);
    this.#dirty.add(entry);
    forEachMember([entry], ({ outcome }) => outcome({ granted: false, error }));
  }

  /** What the Server said it does not offer is not asked for (3.2.2.3.11 to 13): the connection would be lost for it. */
  #refuseUnavailable(entry: Entry, limits: ServerLimits): void {
    const missing = entry.wire === 'none' ? unavailable(entry.filter, limits) : undefined;
    if (missing === undefined) return;
    const message = `the broker does not offer ${missing}: ${entry.filter} cannot be subscribed`;
    this.#refuse(entry, new MqttError('not-supported', message));
    this.#dirty.delete(entry);
  }

  #unsubscribe(entries: readonly Entry[], link: SubscriptionLink): void {
    const subscribed = entries.filter(({ wire }) => wire === 'asked' || wire === 'granted');
    for (let start = 0; start < subscribed.length; start += this.#perPacket) {
      this.#sendUnsubscribe(subscribed.slice(start, start + this.#perPacket), link);
    }
    for (const entry of entries) {
      if (entry.members.size === 0 && !this.#dirty.has(entry)) this.#entries.delete(entry.filter);
    }
  }

  #sendUnsubscribe(entries: readonly Entry[], link: SubscriptionLink): void {
    const packetId = link.takePacketId();
    if (packetId === undefined) return entries.forEach((entry) => this.#dirty.add(entry));
    for (const entry of entries) {
      entry.wire = 'none';
      entry.version += 1;
    }
    const filters = entries.map(({ filter }) => filter);
    // Whatever the answer says, "no subscription existed" included: the Server has none of them now.
    const answered = (): void => {
      for (const filter of filters) if ((this.#entries.get(filter)?.wire ?? 'none') === 'none') this.#forget(filter);
    };
    const request: PendingRequest = { cmd: 'unsubscribe', count: filters.length, answered };
    try {
      link.send({ cmd: 'unsubscribe', packetId, filters }, request);
    } catch (error) {
      if (!(error instanceof PacketTooLarge)) throw error;
      if (entries.length > 1) return halves(entries).forEach((half) => this.#sendUnsubscribe(half, link));
      // Too large for this Server: it goes on sending what then matches nobody here.
    }
  }

  /**
   * Packets of a few filters each. A Subscription Identifier belongs to a packet, and says which copy of a message is
   * for whom: therefore filters that overlap never share one.
   */
  #batches(wishes: readonly WireWish[], limits: ServerLimits): WireWish[][] {
    const batches: WireWish[][] = [];
    const open: WireWish[][] = [];
    for (const wish of wishes) {
      const fitting = open.find((batch) => !limits.subscriptionIdentifiersAvailable || !anyOverlaps(batch, wish));
      const batch = fitting ?? [];
      batch.push(wish);
      if (fitting === undefined) {
        batches.push(batch);
        open.push(batch);
        if (open.length > MOST_OPEN_BATCHES) open.shift();
      }
      if (batch.length >= this.#perPacket) open.splice(open.indexOf(batch), 1);
    }
    return batches;
  }

  #keep(filter: TopicFilter): void {
    if (this.#kept.has(filter)) return;
    this.#kept.add(filter);
    const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    this.#store.saveSubscription({ filter, identifier: undefined, options, granted: 0 });
  }

  #forget(filter: TopicFilter): void {
    if (this.#kept.delete(filter)) this.#store.removeSubscription(filter);
  }

  #nextIdentifier(): number {
    this.#identifier = this.#identifier >= HIGHEST_IDENTIFIER ? 1 : this.#identifier + 1;
    return this.#identifier;
  }

  #detach(filter: TopicFilter, receiver: Receiver): Entry | undefined {
    const entry = this.#entries.get(filter);
    if (entry === undefined || !entry.members.delete(receiver)) return undefined;
    this.#router.remove(filter, receiver);
    return entry;
  }

  #newEntry(filter: TopicFilter): Entry {
    const entry: Entry = {
      filter,
      members: new Map(),
      wire: 'none',
      asked: undefined,
      identifier: undefined,
      version: 0,
      granted: 0,
    };
    this.#entries.set(filter, entry);
    return entry;
  }
}

/** Whether a SUBSCRIBE is needed: never asked, asked for something else, or for the sake of the retained messages. */
function differsFromWire({ entry, serves, options }: WireWish): boolean {
  switch (entry.wire) {
    case 'none':
      return true;
    case 'refused':
      return false;
    case 'asked':
    case 'granted':
      return differs(entry.asked, options) || serves.some(({ members }) => [...members.values()].some(wantsStored));
  }
}

function differs(asked: SubscriptionOptions | undefined, wanted: SubscriptionOptions): boolean {
  return (
    asked?.qos !== wanted.qos ||
    asked.noLocal !== wanted.noLocal ||
    asked.retainAsPublished !== wanted.retainAsPublished
  );
}

/** @param live whether a live message may carry the RETAIN flag too: then only copies of what a member had are known. */
function withheldFrom({ members }: Entry, live: boolean): ReadonlyMap<Receiver, Withheld> | undefined {
  const rules = new Map<Receiver, Withheld>();
  for (const [receiver, member] of members) {
    if (member.options.retainHandling === 2) rules.set(receiver, 'all');
    else if (refusesStored(member)) rules.set(receiver, live ? 'repeated' : 'all');
  }
  return rules.size === 0 ? undefined : rules;
}

function hasReceiversWithoutStored(entry: Entry): boolean {
  return withheldFrom(entry, true) !== undefined;
}

function forEachMember(entries: readonly Entry[], visit: (member: Parameters<typeof wantsStored>[0]) => void): void {
  for (const { members } of entries) for (const member of members.values()) visit(member);
}

function halves<T>(list: readonly T[]): (readonly T[])[] {
  const middle = Math.ceil(list.length / 2);
  return [list.slice(0, middle), list.slice(middle)];
}

function anyOverlaps(batch: readonly WireWish[], wish: WireWish): boolean {
  return batch.some(({ entry }) => overlaps(entry.filter, wish.entry.filter));
}

function unavailable(filter: TopicFilter, limits: ServerLimits): string | undefined {
  const shared = parseShare(filter);
  if (shared !== undefined && !limits.sharedSubscriptionAvailable) return 'shared subscriptions';
  const wildcard = hasWildcard(shared?.filter ?? filter);
  return wildcard && !limits.wildcardSubscriptionAvailable ? 'wildcard subscriptions' : undefined;
}
