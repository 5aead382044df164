import { MqttError, PacketTooLarge, SubscriptionRefused } from '../protocol/errors.ts';
import type { PacketId, QoS, SubscribePacket, SubscriptionOptions, UnsubscribePacket } from '../protocol/packet.ts';
import { hasWildcard, parseShare, type TopicFilter } from '../protocol/topic.ts';
import type { ServerLimits } from '../connection/server-limits.ts';
import { overlaps } from '../router/overlap.ts';
import type { Receiver, Router } from '../router/router.ts';
import type { PendingRequest } from '../session/requests.ts';

/** What the Server said to a subscription. */
export type SubscriptionOutcome =
  { readonly granted: true; readonly qos: QoS } | { readonly granted: false; readonly error: MqttError };

/** Told on every answer of the Server, also after a reconnect. */
export type OutcomeListener = (outcome: SubscriptionOutcome) => void;

interface Member {
  readonly options: SubscriptionOptions;
  readonly outcome: OutcomeListener;
}

/** How far the wire is: never asked, asked, or as answered. `orphaned` leaves with the next UNSUBSCRIBE. */
type Wire = 'none' | 'asked' | 'granted' | 'refused';

interface Entry {
  readonly filter: TopicFilter;
  readonly members: Map<Receiver, Member>;
  wire: Wire;
  /** Rises with every SUBSCRIBE, so that an answer to an earlier one is recognised. */
  version: number;
}

/** Where subscriptions send their packets; one connection's worth. */
export interface SubscriptionLink {
  readonly limits: ServerLimits;
  takePacketId(): PacketId | undefined;
  /** @throws {PacketTooLarge} */
  send(packet: SubscribePacket | UnsubscribePacket, request: PendingRequest): void;
}

/** Subscription Identifiers begin somewhere at random, so that those of an earlier process mean nothing here. */
const HIGHEST_IDENTIFIER = 268_435_455;

/**
 * What the receivers want, and what the Server has: one subscription per filter on the wire, with the options of all
 * its receivers merged, in as few packets as the brokers allow.
 */
export class Subscriptions {
  readonly #router: Router;
  readonly #perPacket: number;
  readonly #entries = new Map<TopicFilter, Entry>();
  readonly #dirty = new Set<Entry>();
  #identifier = 1 + Math.floor(Math.random() * (HIGHEST_IDENTIFIER / 2));

  constructor(router: Router, filtersPerPacket: number) {
    this.#router = router;
    this.#perPacket = filtersPerPacket;
  }

  /** Whether `flush` has something to send. */
  get pending(): boolean {
    return this.#dirty.size > 0;
  }

  add(filter: TopicFilter, receiver: Receiver, options: SubscriptionOptions, outcome: OutcomeListener): void {
    const entry = this.#entries.get(filter) ?? this.#newEntry(filter);
    entry.members.set(receiver, { options, outcome });
    this.#router.add(filter, receiver);
    this.#dirty.add(entry);
  }

  /** The receiver does not want the filter any more; without another one it is unsubscribed. */
  remove(filter: TopicFilter, receiver: Receiver): void {
    const entry = this.#detach(filter, receiver);
    if (entry === undefined) return;
    // The others may need less now, or nobody is left: either way the wire changes.
    this.#dirty.add(entry);
  }

  /** The receiver goes, but its subscription stays with the Server until somebody takes it up or `prune` is called. */
  release(filter: TopicFilter, receiver: Receiver): void {
    this.#detach(filter, receiver);
  }

  /** Unsubscribes what was released and not taken up again. */
  prune(): void {
    for (const entry of this.#entries.values()) if (entry.members.size === 0) this.#dirty.add(entry);
  }

  /** A new connection. With its session the Server has kept what it granted; without it everything is asked anew. */
  connected(sessionPresent: boolean): void {
    for (const entry of this.#entries.values()) {
      if (sessionPresent && entry.wire === 'granted') continue;
      if (!sessionPresent) entry.wire = 'none';
      this.#dirty.add(entry);
    }
  }

  /** The connection is gone: what was asked and not answered will be asked again. */
  disconnected(): void {
    for (const entry of this.#entries.values()) {
      if (entry.wire !== 'asked') continue;
      entry.wire = 'none';
      this.#dirty.add(entry);
    }
  }

  /** Sends what changed since the last time, several filters per packet. */
  flush(link: SubscriptionLink): void {
    const wanted: Entry[] = [];
    const unwanted: Entry[] = [];
    for (const entry of this.#dirty) (entry.members.size > 0 ? wanted : unwanted).push(entry);
    this.#dirty.clear();
    this.#unsubscribe(unwanted, link);
    this.#subscribe(wanted, link);
  }

  #subscribe(entries: readonly Entry[], link: SubscriptionLink): void {
    const allowed = entries.filter((entry) => this.#allowed(entry, link.limits));
    for (const batch of this.#batches(allowed, link.limits)) this.#sendSubscribe(batch, link);
  }

  #sendSubscribe(batch: readonly Entry[], link: SubscriptionLink): void {
    const packetId = link.takePacketId();
    if (packetId === undefined) return this.#later(batch);
    const subscriptionIdentifier = link.limits.subscriptionIdentifiersAvailable ? this.#nextIdentifier() : undefined;
    const versions = batch.map((entry) => ++entry.version);
    const packet: SubscribePacket = {
      cmd: 'subscribe',
      packetId,
      subscriptions: batch.map((entry) => ({ filter: entry.filter, ...mergedOptions(entry) })),
      subscriptionIdentifier,
    };
    for (const entry of batch) entry.wire = 'asked';
    try {
      link.send(packet, {
        cmd: 'subscribe',
        count: batch.length,
        answered: (codes, reason) => {
          for (const [index, entry] of batch.entries()) {
            if (entry.version === versions[index]) this.#answered(entry, codes[index] ?? 0x80, reason);
          }
        },
      });
    } catch (error) {
      if (!(error instanceof PacketTooLarge)) throw error;
      for (const entry of batch) this.#refuse(entry, error);
      return;
    }
    for (const entry of batch) this.#router.identify(entry.filter, subscriptionIdentifier);
  }

  #unsubscribe(entries: readonly Entry[], link: SubscriptionLink): void {
    const subscribed = entries.filter((entry) => entry.wire !== 'none' && entry.wire !== 'refused');
    for (const entry of entries) this.#entries.delete(entry.filter);
    for (let start = 0; start < subscribed.length; start += this.#perPacket) {
      const filters = subscribed.slice(start, start + this.#perPacket).map((entry) => entry.filter);
      const packetId = link.takePacketId();
      if (packetId === undefined) return;
      // An answer that says "no subscription existed" leaves nothing to do either.
      link.send(
        { cmd: 'unsubscribe', packetId, filters },
        { cmd: 'unsubscribe', count: filters.length, answered: ignore },
      );
    }
  }

  #later(batch: readonly Entry[]): void {
    for (const entry of batch) this.#dirty.add(entry);
  }

  #answered(entry: Entry, code: number, reasonString: string | undefined): void {
    if (code >= 0x80) return this.#refuse(entry, new SubscriptionRefused(entry.filter, code, reasonString));
    entry.wire = 'granted';
    for (const { outcome } of entry.members.values()) outcome({ granted: true, qos: code as QoS });
  }

  #refuse(entry: Entry, error: MqttError): void {
    entry.wire = 'refused';
    for (const { outcome } of entry.members.values()) outcome({ granted: false, error });
  }

  /** What the Server said it does not offer is not asked for (3.2.2.3.11 to 13): the connection would be lost for it. */
  #allowed(entry: Entry, limits: ServerLimits): boolean {
    const missing = unavailable(entry.filter, limits);
    if (missing === undefined) return true;
    const message = `the broker does not offer ${missing}: ${entry.filter} cannot be subscribed`;
    this.#refuse(entry, new MqttError('not-supported', message));
    return false;
  }

  /**
   * Packets of a few filters each. A Subscription Identifier belongs to a packet, and says which copy of a message is
   * for whom: therefore filters that overlap never share one.
   */
  #batches(entries: readonly Entry[], limits: ServerLimits): Entry[][] {
    const batches: Entry[][] = [];
    const open: Entry[][] = [];
    for (const entry of entries) {
      const fitting = open.find((batch) => !limits.subscriptionIdentifiersAvailable || !anyOverlaps(batch, entry));
      const batch = fitting ?? [];
      batch.push(entry);
      if (fitting === undefined) {
        batches.push(batch);
        open.push(batch);
        // Filters that overlap with everything would otherwise be compared with every batch there is.
        if (open.length > MOST_OPEN_BATCHES) open.shift();
      }
      if (batch.length >= this.#perPacket) open.splice(open.indexOf(batch), 1);
    }
    return batches;
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
    const entry: Entry = { filter, members: new Map(), wire: 'none', version: 0 };
    this.#entries.set(filter, entry);
    return entry;
  }
}

const MOST_OPEN_BATCHES = 16;

function anyOverlaps(batch: readonly Entry[], entry: Entry): boolean {
  return batch.some((other) => overlaps(other.filter, entry.filter));
}

/** One subscription serves all: the highest QoS, and every message that any of them wants. */
function mergedOptions({ members, filter }: Entry): SubscriptionOptions {
  const all = [...members.values()].map((member) => member.options);
  return {
    qos: Math.max(...all.map((options) => options.qos)) as QoS,
    // [MQTT-3.8.3-4] No Local is not allowed on a Shared Subscription.
    noLocal: parseShare(filter) === undefined && all.every((options) => options.noLocal),
    retainAsPublished: all.some((options) => options.retainAsPublished),
    retainHandling: Math.min(...all.map((options) => options.retainHandling)) as SubscriptionOptions['retainHandling'],
  };
}

function unavailable(filter: TopicFilter, limits: ServerLimits): string | undefined {
  const shared = parseShare(filter);
  if (shared !== undefined && !limits.sharedSubscriptionAvailable) return 'shared subscriptions';
  const wildcard = hasWildcard(shared?.filter ?? filter);
  return wildcard && !limits.wildcardSubscriptionAvailable ? 'wildcard subscriptions' : undefined;
}

function ignore(): void {
  // Nothing depends on the answer.
}
