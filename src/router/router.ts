import type { PublishPacket, QoS } from '../protocol/packet.ts';
import { matchedFilter, type TopicFilter } from '../protocol/topic.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { deliverBy, type Handout } from './handout.ts';
import { OverlappingDelivery } from './overlapping-delivery.ts';
import type { Receiver } from './receiver.ts';
import { byRank, type Failed, type Granted, Route, type Withholding } from './route.ts';
import type { Refrained } from './retained-copies.ts';
import { RetainedRoom } from './retained-room.ts';
import { RetiredIdentifiers } from './retired-identifiers.ts';
import { TopicTrie } from './topic-trie.ts';
import type { Vacancy } from './vacancy.ts';
import type { Workable } from './work.ts';

export type { Handout } from './handout.ts';
export type { Receiver } from './receiver.ts';
export type { Granted, Withholding } from './route.ts';
export type { Withheld } from './seat.ts';
export { Vacancy, type VacancyState } from './vacancy.ts';
export { Work, type Workable, type WorkState } from './work.ts';

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
  /** Routes in which somebody is waited for. */
  readonly #vacated = new Set<Route>();
  readonly #retired = new RetiredIdentifiers();
  readonly #retainedRoom: RetainedRoom;
  #serial = 0;
  /** The receivers that had the message of an overlapping delivery; undefined during one. */
  #spare: Set<Receiver> | undefined;
  readonly #failed: Failed;

  /** @param failed told what a receiver threw; without it the error goes to whoever delivers. */
  constructor(failed: Failed = rethrow, clock: Clock = systemClock) {
    this.#failed = failed;
    this.#retainedRoom = new RetainedRoom(clock);
  }

  /** Told the topic of each message with the RETAIN flag, before anybody gets it. */
  onRetained: ((topic: string, qos: QoS) => void) | undefined;

  /** Hands a message to a receiver of a filter outside of a delivery, as a delivery does. */
  give(receiver: Receiver, packet: PublishPacket, filter: TopicFilter, workable: Workable): void {
    try {
      receiver.receive(packet, filter, workable);
    } catch (error) {
      this.#failed(error, filter);
    }
  }

  /** Topics of messages that came of late, some of many. */
  get recentTopics(): Iterable<string> {
    return this.#remembered.keys();
  }

  /** Takes the place that a released receiver of the same `ref` left, or a new one. */
  add(filter: TopicFilter, receiver: Receiver): void {
    const route = this.#route(filter) ?? this.#newRoute(filter);
    route.add(receiver, ++this.#serial);
    if (!route.hasVacancies) this.#vacated.delete(route);
  }

  remove(filter: TopicFilter, receiver: Receiver): void {
    const route = this.#route(filter);
    route?.remove(receiver);
    this.#dropIdle(route);
  }

  /** The receiver goes, and its place stays until it is taken again or given up; undefined: there is nobody to wait for. */
  release(filter: TopicFilter, receiver: Receiver): Vacancy | undefined {
    const route = this.#route(filter);
    const vacancy = route?.release(receiver);
    if (route !== undefined && vacancy !== undefined) this.#vacated.add(route);
    this.#dropIdle(route);
    return vacancy;
  }

  /** Every place that is still waited for is given up. */
  prune(): void {
    for (const route of this.#vacated) {
      route.giveUp();
      this.#dropIdle(route);
    }
    this.#vacated.clear();
  }

  /**
   * Tells the Subscription Identifier with which `filter` is asked for, and with what; undefined: the Server does not
   * have it.
   * @param again the Server has it already, and is asked for the sake of what it retains, or for other options
   */
  identify(filter: TopicFilter, identifier: number | undefined, asked?: Granted, again = false): void {
    const route = this.#route(filter) ?? (identifier === undefined ? undefined : this.#newRoute(filter));
    if (route === undefined) return;
    route.identify(identifier, asked, again, ++this.#serial);
    this.#remembered.clear();
    this.#dropIdle(route);
  }

  /** The Server does not have the filter any more. What it had queued for it comes all the same. */
  retire(filter: TopicFilter): void {
    const route = this.#route(filter);
    if (route !== undefined) this.#retired.add(route.identifiers);
    this.identify(filter, undefined);
  }

  /** From now on what comes by `cover` is for `filter` too, which is not on the wire by itself. */
  join(filter: TopicFilter, cover: TopicFilter): void {
    const from = this.#route(cover);
    if (from !== undefined) this.#route(filter)?.join(from);
    this.#remembered.clear();
  }

  /** The Server had `cover` in place of `filter` for a while, whose identifier was `first` then. */
  hadBy(filter: TopicFilter, cover: TopicFilter, first: number): void {
    const from = this.#route(cover);
    if (from !== undefined) this.#route(filter)?.hadBy(from, first);
    this.#remembered.clear();
  }

  /** The Server had `covering` in place of `filter`: what it queued comes by that one. */
  inherit(filter: TopicFilter, covering: TopicFilter): void {
    const from = this.#route(covering);
    if (from !== undefined) this.#route(filter)?.inherit(from);
    this.#remembered.clear();
  }

  /** The Server has the filter still, but it is not known how: what was granted is not sure any more. */
  revoke(filter: TopicFilter): void {
    this.#route(filter)?.revoke(++this.#serial);
    this.#remembered.clear();
  }

  /** Tells what the Server granted to `filter`; with which identifier, if that is not the one that was told last. */
  grant(filter: TopicFilter, granted: Granted, identifier?: number): void {
    this.#route(filter)?.grant(granted, ++this.#serial, identifier);
    this.#remembered.clear();
  }

  /** The same of an earlier client's subscription: messages that come by it may have been queued ever since then. */
  grantedBefore(filter: TopicFilter, granted: Granted): void {
    this.#route(filter)?.grant(granted, 0);
    this.#remembered.clear();
  }

  /**
   * A SUBSCRIBE, with this identifier if it has one, brings what the Server retains for `filter`. What of that is not for
   * these receivers; undefined: all is.
   */
  withhold(filter: TopicFilter, withholding: Withholding): void {
    this.#route(filter)?.withhold(withholding);
  }

  /** The same of one for `cover`, from now on: some of what it brings, or all, may have come. */
  withholdOf(cover: TopicFilter, filter: TopicFilter, withholding: Withholding): void {
    const window = this.#route(cover)?.broughtBy(withholding.identifier);
    if (window !== undefined) this.#route(filter)?.withhold(withholding, window);
  }

  /** What SUBSCRIBEs for `filter` are still bringing of what the Server retains is not for this receiver either. */
  refrain(filter: TopicFilter, receiver: Receiver, which: Refrained): void {
    this.#route(filter)?.refrain(receiver, which);
  }

  /** What the Server retains for `filter` is asked for this receiver; if the connection ends meanwhile, once more. */
  awaitRetained(filter: TopicFilter, receiver: Receiver): void {
    this.#route(filter)?.awaitRetained(receiver);
  }

  /** All that was asked for has come. */
  endRetained(filter: TopicFilter): void {
    this.#route(filter)?.endRetained();
  }

  /** All that the SUBSCRIBE with this identifier, if it has one, brought has come. */
  brought(filter: TopicFilter, identifier: number | undefined): void {
    this.#route(filter)?.brought(identifier);
  }

  /** The connection is gone, and with it what any of them would have brought. */
  withholdNothing(filter: TopicFilter): void {
    this.#route(filter)?.withholdNothing();
  }

  /** Rises with what may be retained and comes by a SUBSCRIBE, whichever it is: of each topic the first. */
  get retainedCame(): number {
    return this.#retainedRoom.came;
  }

  /** Who has the same `ref`, and a filter that matches: a place that nobody took may have been left for it. */
  successor(ref: string, topic: string): { readonly receiver: Receiver; readonly filter: TopicFilter } | undefined {
    for (const { filter, seats, shared } of this.#matches(topic)) {
      const receiver = shared ? undefined : seats.find((seat) => seat.ref === ref)?.receiver;
      if (receiver !== undefined) return { receiver, filter };
    }
    return undefined;
  }

  /**
   * Delivers a publication. True: somebody has it, or, where a `handout` can wait, is awaited; false: it is nobody's.
   * What a receiver does meanwhile (adds, removes, releases, delivers) counts from the next publication on.
   */
  deliver(packet: PublishPacket, handout?: Handout): boolean {
    if (packet.retain) this.onRetained?.(packet.topic, packet.qos);
    const matches = this.#matches(packet.topic);
    const only = matches[0];
    if (only === undefined) return false;
    if (matches.length > 1 || this.#retired.concern(packet)) return this.#deliverOverlapping(packet, matches, handout);
    if (this.#retired.some) only.hear(packet, this.#serial);
    return deliverBy(only, packet, handout);
  }

  /** A delivery from within this one finds no spare set, and makes its own. */
  #deliverOverlapping(packet: PublishPacket, matches: readonly Route[], handout: Handout | undefined): boolean {
    const seen = this.#spare ?? new Set<Receiver>();
    this.#spare = undefined;
    const taken = new OverlappingDelivery(packet, matches, this.#retired, handout, this.#serial, seen).run();
    seen.clear();
    this.#spare = seen;
    return taken;
  }

  #matches(topic: string): readonly Route[] {
    const remembered = this.#remembered.get(topic);
    if (remembered !== undefined) return remembered;
    const matches: Route[] = [];
    this.#trie.match(topic, (routes) => matches.push(...routes));
    matches.sort(byRank);
    if (topic.length > LONGEST_REMEMBERED) return matches;
    if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(topic, matches);
    return matches;
  }

  #route(filter: TopicFilter): Route | undefined {
    return this.#trie.get(matchedFilter(filter))?.find((route) => route.filter === filter);
  }

  #newRoute(filter: TopicFilter): Route {
    const matched = matchedFilter(filter);
    const route = new Route(filter, this.#retainedRoom, this.#failed);
    this.#remembered.clear();
    this.#trie.set(matched, [...(this.#trie.get(matched) ?? []), route]);
    return route;
  }

  #dropIdle(route: Route | undefined): void {
    if (route?.isIdle !== true) return;
    route.end();
    this.#remembered.clear();
    const matched = matchedFilter(route.filter);
    const rest = (this.#trie.get(matched) ?? []).filter((other) => other !== route);
    if (rest.length > 0) this.#trie.set(matched, rest);
    else this.#trie.delete(matched);
  }
}

function rethrow(error: unknown): never {
  throw error;
}
