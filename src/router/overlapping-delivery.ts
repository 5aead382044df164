import type { PublishPacket } from '../protocol/packet.ts';
import { hand, type Handout, isTaken, isWithheld, note } from './handout.ts';
import type { Receiver } from './receiver.ts';
import type { RetainedCopy } from './retained-copies.ts';
import type { RetiredIdentifiers } from './retired-identifiers.ts';
import type { Route } from './route.ts';
import type { Seat } from './seat.ts';
import type { Vacancy } from './vacancy.ts';

/**
 * One publication that several filters match: the Server may send one copy for all or one for each (3.3.4). With
 * Subscription Identifiers a copy says for which filters it is: a receiver takes the copy of its first filter by rank,
 * and that of another one unless the first one's is sure to come. Without them each copy goes to every receiver once.
 */
export class OverlappingDelivery {
  readonly #packet: PublishPacket;
  readonly #matches: readonly Route[];
  readonly #handout: Handout | undefined;
  /** The last place of when the delivery began: later ones are not part of it. */
  readonly #last: number;
  /** For which filters the copy is; undefined: it is not known, and the topic decides. */
  readonly #identifiers: readonly number[] | undefined;
  /** The copy is for filters alone that the Server does not have any more: the identifier that was given first. */
  readonly #retired: number | undefined;
  /** Receivers that have it. */
  readonly #seen: Set<Receiver>;
  /** By `ref`: one of the vacancies of each receiver that is waited for. */
  #vacant: Map<string, Vacancy> | undefined;

  /**
   * @param matches by rank.
   * @param last the last place of all.
   * @param seen an empty set, for this delivery alone.
   */
  constructor(
    packet: PublishPacket,
    matches: readonly Route[],
    retired: RetiredIdentifiers,
    handout: Handout | undefined,
    last: number,
    seen: Set<Receiver>,
  ) {
    this.#seen = seen;
    this.#packet = packet;
    this.#matches = matches;
    this.#handout = handout;
    this.#last = last;
    const identifiers = packet.properties?.subscriptionIdentifiers ?? [];
    const origin = originOf(identifiers, matches, retired);
    this.#identifiers = origin === 'present' ? identifiers : undefined;
    this.#retired = origin === 'retired' ? Math.min(...identifiers) : undefined;
  }

  /** False: it is nobody's. */
  run(): boolean {
    let taken = false;
    for (let rank = 0; rank < this.#matches.length; rank++) {
      const route = this.#matches[rank];
      if (route === undefined || !this.#isMeant(route)) continue;
      if (isTaken(route, this.#handout)) taken = true;
      this.#deliverBy(route, rank);
    }
    if (this.#vacant !== undefined && this.#handout !== undefined) this.#await(this.#vacant, this.#handout);
    return taken;
  }

  #isMeant(route: Route): boolean {
    return this.#identifiers === undefined || route.isFor(this.#identifiers);
  }

  #deliverBy(route: Route, rank: number): void {
    const packet = this.#packet;
    const copy = packet.retain && this.#retired === undefined ? route.note(packet) : undefined;
    const proves = this.#identifiers !== undefined && !packet.retain && route.proves(this.#identifiers);
    for (const seat of route.seats) {
      if (seat.number > this.#last || (copy !== undefined && this.#isWithheld(route, seat, copy))) continue;
      if (this.#hasItsOwn(route, seat) || this.#comesByAnother(route, seat, rank)) continue;
      // A copy that is left out for a third one's says nothing about what comes by this filter.
      if (proves) seat.hear(packet.qos, this.#last);
      this.#give(route, seat);
    }
  }

  /** A copy may be for several filters, unless it says for which: then it has the RETAIN flag as any of them wants it. */
  #isWithheld(route: Route, seat: Seat, copy: RetainedCopy): boolean {
    const byOthers =
      this.#identifiers === undefined &&
      this.#matches.some((other) => other !== route && other.granted?.retainAsPublished === true);
    return isWithheld(seat, this.#packet, copy, !byOthers);
  }

  #give(route: Route, seat: Seat): void {
    const { receiver, vacancy, ref } = seat;
    if (vacancy !== undefined && ref !== undefined) (this.#vacant ??= new Map<string, Vacancy>()).set(ref, vacancy);
    if (receiver === undefined || this.#seen.has(receiver)) return;
    this.#seen.add(receiver);
    note(seat, this.#packet);
    hand(receiver, route, this.#packet, this.#handout);
  }

  /** A receiver that is back in one of its places has the message already. */
  #await(vacant: ReadonlyMap<string, Vacancy>, handout: Handout): void {
    const back = new Set([...this.#seen].map(({ ref }) => ref));
    for (const [ref, vacancy] of vacant) if (!back.has(ref)) handout.awaits(vacancy);
  }

  /** Whether the copy is for a filter that is gone, and one for this filter comes, or came, too. */
  #hasItsOwn({ granted, shared, fellAt, identifiers }: Route, seat: Seat): boolean {
    if (this.#retired === undefined || shared) return false;
    // They are given in the order in which the Server handles what is asked.
    if (Math.min(...identifiers) < this.#retired) return true;
    if (granted === undefined) return false;
    const qos = granted.qos < this.#packet.qos ? granted.qos : this.#packet.qos;
    return seat.heardSince(Math.max(seat.since, fellAt), qos);
  }

  /** What was retained comes for the one filter that was subscribed, whichever of the receiver's that is. */
  #comesByAnother(route: Route, seat: Seat, rank: number): boolean {
    if (this.#identifiers === undefined || this.#packet.retain) return false;
    for (let before = 0; before < rank; before++) {
      const other = this.#matches[before];
      if (other !== undefined && !this.#isMeant(other) && this.#isSure(other, route, seat)) return true;
    }
    return false;
  }

  /**
   * Whether the Server sends the receiver a copy of this publication by `other` too, which is not worse than this one.
   * In doubt it does not: at QoS 1 a message may come twice, but not be missed.
   */
  #isSure(other: Route, route: Route, seat: Seat): boolean {
    const { granted, shared } = other;
    // A refused filter brings nothing, one not answered yet perhaps, a shared one only what no other of its group gets.
    if (granted === undefined || shared || granted.qos < this.#packet.qos) return false;
    // Our own publications come by the filter without No Local only (3.8.3.1).
    if (granted.noLocal && !route.hasNoLocal(this.#identifiers ?? [])) return false;
    const place = other.seatLike(seat);
    if (place === undefined) return false;
    // What the Server had queued when the other one began comes by this one alone, before any copy by the other. When
    // this one fell behind the other, a copy by the other may have been left out for it.
    const began = seat.first !== Infinity && place.since < seat.first && route.fellAt < seat.first;
    if (began && !route.isBefore(this.#identifiers ?? [], seat)) return true;
    return place.heardSince(Math.max(place.since, route.fellAt), this.#packet.qos);
  }
}

/**
 * What the identifiers of a copy tell: it is for filters that are there; for such alone that are gone; or nothing. One
 * that no filter has, nor had, belongs to a subscription whose answer was lost: it may be any of them.
 */
function originOf(
  identifiers: readonly number[],
  matches: readonly Route[],
  retired: RetiredIdentifiers,
): 'present' | 'retired' | 'unknown' {
  let origin: 'present' | 'retired' | 'unknown' = 'unknown';
  for (const identifier of identifiers) {
    if (matches.some((route) => route.has(identifier))) origin = 'present';
    else if (!retired.has(identifier)) return 'unknown';
    else if (origin === 'unknown') origin = 'retired';
  }
  return origin;
}
