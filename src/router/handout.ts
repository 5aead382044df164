import type { PublishPacket } from '../protocol/packet.ts';
import type { RetainedCopy } from './retained-copies.ts';
import type { Receiver } from './receiver.ts';
import type { Route } from './route.ts';
import type { Seat, Withheld } from './seat.ts';
import type { Vacancy } from './vacancy.ts';
import type { Workable } from './work.ts';

/** What is noted about one publication while the router hands it out. */
export interface Handout extends Workable {
  /** The receiver gets it now: called just before its `receive`, in which it may already be released. */
  had(receiver: Receiver): void;
  /** A receiver that may come back would have got it. Of several vacancies of one receiver one is told. */
  awaits(vacancy: Vacancy): void;
}

/** Hands a publication to all of the one route that matches; false: there is nobody. */
export function deliverBy(route: Route, packet: PublishPacket, handout: Handout | undefined): boolean {
  const { seats } = route;
  const taken = isTaken(route, handout);
  const copy = packet.retain ? route.note(packet) : undefined;
  for (const seat of seats) {
    if (copy !== undefined && isWithheld(seat, packet, copy, true)) continue;
    const { receiver } = seat;
    if (receiver !== undefined) {
      note(seat, packet);
      hand(receiver, route, packet, handout);
    } else if (seat.vacancy !== undefined) handout?.awaits(seat.vacancy);
  }
  return taken;
}

/** What the place has of what the Server retains: a copy with the flag, or nothing any more behind a live message. */
export function note(seat: Seat, { retain, topic }: PublishPacket): void {
  if (retain) seat.gaveRetained(topic);
  else seat.passedRetained(topic);
}

export function hand(receiver: Receiver, route: Route, packet: PublishPacket, handout: Handout | undefined): void {
  handout?.had(receiver);
  route.give(receiver, packet, handout);
}

/** Whether the messages of a route are somebody's; at QoS 0 nobody waits. */
export function isTaken(route: Route, handout: Handout | undefined): boolean {
  return route.hasReceivers || (handout !== undefined && route.hasVacancies);
}

/**
 * Whether a message with the RETAIN flag is withheld from this place; in doubt it is not, for it may be live (3.3.1.3).
 * @param sure the flag alone tells that the Server retained the message, as it always does where `all` of it is withheld.
 */
export function isWithheld(seat: Seat, packet: PublishPacket, copy: RetainedCopy, sure: boolean): boolean {
  const rule = copy.rules.get(seat);
  // One that is sent again is what an earlier SUBSCRIBE brought: for the place, unless it has just that.
  if (packet.dup && rule !== 'again') return false;
  return rule !== undefined && applies(rule, copy, sure, seat);
}

/** A second one on its topic is another SUBSCRIBE's, or live. */
function applies(rule: Withheld, { first, repeated, isAgainFor }: RetainedCopy, sure: boolean, seat: Seat): boolean {
  switch (rule) {
    case 'all':
      return true;
    case 'first':
      return sure ? first : repeated;
    case 'repeated':
      return repeated;
    case 'again':
      return isAgainFor(seat);
  }
}
