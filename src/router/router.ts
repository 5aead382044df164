import type { PublishPacket } from '../protocol/packet.ts';
import { matchedFilter, type TopicFilter } from '../protocol/topic.ts';
import { TopicTrie } from './topic-trie.ts';

/** Somebody who gets messages: one call per publication, however many of its filters match. */
export interface Receiver {
  /** `filter` is the one of this receiver's filters by which the message came. It must not throw. */
  receive(packet: PublishPacket, filter: TopicFilter): void;
}

/** A subscribed filter with its receivers. */
interface Route {
  readonly filter: TopicFilter;
  readonly shared: boolean;
  /** Subscription Identifier on the wire (3.8.2.1.2), if the Server has them. */
  identifier: number | undefined;
  /** The Server granted it: a copy of each matching message will come by it. */
  granted: boolean;
  readonly receivers: Set<Receiver>;
  /** Receivers that do not get what the Server retained: a SUBSCRIBE for others' sake brings it. */
  withoutStored: ReadonlySet<Receiver> | undefined;
}

/** Topics whose matches are remembered; a connection rarely sees more at a time, and more would only cost memory. */
const MOST_REMEMBERED = 10_000;

/** Characters of a topic that is remembered: topics of 64 KiB, whoever sends them, must not fill the memory. */
const LONGEST_REMEMBERED = 512;

/** Hands each publication to exactly the receivers whose filters match. */
export class Router {
  /** Shared and ordinary subscriptions to the same filter are different ones: a list per matched filter. */
  readonly #trie = new TopicTrie<Route[]>();
  /** The routes of topics that came since the filters last changed. */
  readonly #remembered = new Map<string, readonly Route[]>();
  readonly #seen = new Set<Receiver>();

  add(filter: TopicFilter, receiver: Receiver): void {
    const route = this.#route(filter) ?? this.#newRoute(filter);
    route.receivers.add(receiver);
  }

  remove(filter: TopicFilter, receiver: Receiver): void {
    const route = this.#route(filter);
    if (route === undefined || !route.receivers.delete(receiver) || route.receivers.size > 0) return;
    const matched = matchedFilter(filter);
    this.#remembered.clear();
    const rest = (this.#trie.get(matched) ?? []).filter((other) => other !== route);
    if (rest.length > 0) this.#trie.set(matched, rest);
    else this.#trie.delete(matched);
  }

  /** Tells the Subscription Identifier with which `filter` is asked for; undefined: the Server does not have it. */
  identify(filter: TopicFilter, identifier: number | undefined): void {
    const route = this.#route(filter);
    if (route === undefined) return;
    route.identifier = identifier;
    // Asked for again, it stays granted meanwhile.
    if (identifier === undefined) route.granted = false;
  }

  /** Tells that the Server granted `filter`, under the identifier that was told last. */
  grant(filter: TopicFilter): void {
    const route = this.#route(filter);
    if (route !== undefined) route.granted = true;
  }

  /** From now on messages with the RETAIN flag that come by `filter` are not for these receivers; undefined: for all. */
  withholdStored(filter: TopicFilter, receivers: ReadonlySet<Receiver> | undefined): void {
    const route = this.#route(filter);
    if (route !== undefined) route.withoutStored = receivers;
  }

  /** Delivers a publication; false if nobody here wants it. */
  deliver(packet: PublishPacket): boolean {
    const matches = this.#matches(packet.topic);
    const only = matches[0];
    if (only === undefined) return false;
    if (matches.length === 1) {
      for (const receiver of only.receivers) if (wants(only, receiver, packet)) receiver.receive(packet, only.filter);
      return true;
    }
    this.#deliverOverlapping(packet, matches);
    return true;
  }

  #matches(topic: string): readonly Route[] {
    const remembered = this.#remembered.get(topic);
    if (remembered !== undefined) return remembered;
    const matches: Route[] = [];
    this.#trie.match(topic, (routes) => matches.push(...routes));
    // A copy by an ordinary subscription is sure to come: it is looked for first.
    matches.sort((a, b) => Number(a.shared) - Number(b.shared));
    if (topic.length > LONGEST_REMEMBERED) return matches;
    if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(topic, matches);
    return matches;
  }

  /**
   * Several filters match, and the Server may send one copy for all or one for each (3.3.4). With Subscription
   * Identifiers a copy says for which filters it is: a receiver takes the copy of its first matching filter only, of
   * those by which one is sure to come. Without them each copy goes to every receiver once.
   */
  #deliverOverlapping(packet: PublishPacket, matches: readonly Route[]): void {
    const identifiers = packet.properties?.subscriptionIdentifiers;
    // An identifier of an earlier connection says nothing about today's filters: then the topic decides.
    const known = identifiers !== undefined && matches.some((route) => isFor(route, identifiers));
    const seen = this.#seen;
    seen.clear();
    for (const route of matches) {
      const meant = !known || isFor(route, identifiers);
      // What was retained comes for the one filter that was subscribed, whichever of the receiver's that is.
      if (!meant && (packet.retain || !isSure(route))) continue;
      for (const receiver of route.receivers) {
        if (seen.has(receiver) || !wants(route, receiver, packet)) continue;
        seen.add(receiver);
        if (meant) receiver.receive(packet, route.filter);
      }
    }
  }

  #route(filter: TopicFilter): Route | undefined {
    return this.#trie.get(matchedFilter(filter))?.find((route) => route.filter === filter);
  }

  #newRoute(filter: TopicFilter): Route {
    const matched = matchedFilter(filter);
    const route: Route = {
      filter,
      shared: matched !== filter,
      identifier: undefined,
      granted: false,
      receivers: new Set(),
      withoutStored: undefined,
    };
    this.#remembered.clear();
    this.#trie.set(matched, [...(this.#trie.get(matched) ?? []), route]);
    return route;
  }
}

function wants(route: Route, receiver: Receiver, packet: PublishPacket): boolean {
  return !packet.retain || route.withoutStored?.has(receiver) !== true;
}

/** A refused filter brings nothing, one not answered yet perhaps, and a shared one only what no other of its group gets. */
function isSure({ granted, shared }: Route): boolean {
  return granted && !shared;
}

function isFor(route: Route, identifiers: readonly number[]): boolean {
  return route.identifier !== undefined && identifiers.includes(route.identifier);
}
