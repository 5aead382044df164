import type { PublishPacket, QoS } from '../protocol/packet.ts';
import { matchedFilter, type TopicFilter } from '../protocol/topic.ts';
import type { Receiver } from './receiver.ts';
import { type Refrained, RetainedCopies, type RetainedCopy } from './retained-copies.ts';
import type { RetainedRoom } from './retained-room.ts';
import { RetainedWindow } from './retained-window.ts';
import { LateMap } from '../util/late-map.ts';
import { Seat, type Withheld } from './seat.ts';
import type { Vacancy } from './vacancy.ts';
import type { Workable } from './work.ts';

/** What the Server granted to a filter: which of the matching messages have a copy by it, and at what QoS. */
export interface Granted {
  readonly qos: QoS;
  readonly noLocal: boolean;
  /** Live messages may come with the RETAIN flag (3.8.3.1). */
  readonly retainAsPublished: boolean;
}

/** What a SUBSCRIBE brings of what the Server retains, and for whom it is not. */
export interface Withholding {
  /** undefined: it is for all. */
  readonly rules: ReadonlyMap<Receiver, Withheld> | undefined;
  /** Of the SUBSCRIBE, if it has one. */
  readonly identifier: number | undefined;
  /** The RETAIN flag alone tells what it brings: no live message has it. */
  readonly isSure: boolean;
}

/** Told what a receiver threw. */
export type Failed = (error: unknown, filter: TopicFilter) => void;

/** Identifiers that are still recognised after a filter was asked for again: messages with them may be queued. */
const MOST_IDENTIFIERS = 64;

/** A filter with those who get its messages. */
export class Route {
  readonly filter: TopicFilter;
  readonly shared: boolean;
  readonly #receivers = new Map<Receiver, Seat>();
  readonly #vacant = new LateMap<string, Seat>();
  #snapshot: readonly Seat[] | undefined;
  /** Subscription Identifiers on the wire (3.8.2.1.2), the latest first; none where the Server has none. */
  #identifiers: readonly number[] = [];
  #granted: Granted | undefined;
  /** With which copies are of what is granted. */
  #grantedIdentifier: number | undefined;
  #grantedAt = Infinity;
  #fellAt = 0;
  /** The first identifier since which the Server has had the filter without a break, for the same messages. */
  #steadySince: number | undefined;
  readonly #retained: RetainedCopies;
  readonly #failed: Failed;

  constructor(filter: TopicFilter, room: RetainedRoom, failed: Failed) {
    this.filter = filter;
    this.#failed = failed;
    this.shared = matchedFilter(filter) !== filter;
    this.#retained = new RetainedCopies(room);
  }

  /** Hands a message to a receiver; one that throws has it all the same, and keeps it from nobody else. */
  give(receiver: Receiver, packet: PublishPacket, workable: Workable | undefined): void {
    try {
      receiver.receive(packet, this.filter, workable);
    } catch (error) {
      this.#failed(error, this.filter);
    }
  }

  /** Places, as they are now: whoever comes or goes while they are visited changes the next answer, not this one. */
  get seats(): readonly Seat[] {
    return (this.#snapshot ??= [...this.#receivers.values(), ...this.#vacant.values()]);
  }

  get granted(): Granted | undefined {
    return this.#granted;
  }

  get grantedAt(): number {
    return this.#grantedAt;
  }

  /** When it was granted with less, and so fell behind others that it had come before; 0: never. */
  get fellAt(): number {
    return this.#fellAt;
  }

  get identifiers(): readonly number[] {
    return this.#identifiers;
  }

  get hasReceivers(): boolean {
    return this.#receivers.size > 0;
  }

  get hasVacancies(): boolean {
    return this.#vacant.size > 0;
  }

  /** Nobody here, and the Server's copies cannot be told by it either. */
  get isIdle(): boolean {
    return !this.hasReceivers && !this.hasVacancies && this.#identifiers.length === 0;
  }

  has(identifier: number): boolean {
    return this.#identifiers.includes(identifier);
  }

  /** Whether a copy with these Subscription Identifiers came by this filter. */
  isFor(identifiers: readonly number[]): boolean {
    for (const identifier of this.#identifiers) if (identifiers.includes(identifier)) return true;
    return false;
  }

  add(receiver: Receiver, serial: number): void {
    if (this.#receivers.has(receiver)) return;
    const seat = this.#takeVacant(receiver) ?? this.#newSeat(receiver, serial);
    this.#receivers.set(receiver, seat);
  }

  remove(receiver: Receiver): void {
    const seat = this.#receivers.get(receiver);
    if (seat === undefined) return;
    this.#leave(seat);
    this.#receivers.delete(receiver);
    this.#snapshot = undefined;
  }

  /** Keeps the receiver's place for one with the same `ref`; without a `ref` it is removed. */
  release(receiver: Receiver): Vacancy | undefined {
    const seat = this.#receivers.get(receiver);
    if (seat?.ref === undefined || this.#vacant.has(seat.ref)) {
      this.remove(receiver);
      return undefined;
    }
    this.#receivers.delete(receiver);
    this.#vacant.set(seat.ref, seat);
    return seat.vacate();
  }

  /** Nobody is waited for any more. */
  giveUp(): void {
    for (const seat of this.#vacant.values()) this.#leave(seat);
    this.#vacant.clear();
    this.#snapshot = undefined;
  }

  /**
   * The identifier with which the filter is asked for; undefined: the Server does not have the filter, or has none.
   * It brings no more than is asked for, though the answer is not there.
   * @param again the Server has it already.
   */
  identify(identifier: number | undefined, asked: Granted | undefined, again: boolean, serial: number): void {
    if (identifier === undefined) {
      this.#identifiers = [];
      this.revoke(0);
      for (const seat of this.seats) seat.end();
    } else if (this.#identifiers[0] !== identifier) {
      const earlier = this.#identifiers.filter((other) => other !== identifier);
      this.#identifiers = [identifier, ...earlier].slice(0, MOST_IDENTIFIERS);
      if (!again || !bringsSame(this.#granted, asked)) this.#steadySince = identifier;
      if (asked !== undefined && this.#granted !== undefined) this.#grantLess(this.#granted, asked, serial);
    }
  }

  /** The Server has one that covers this filter in its place: what it sends for that one is for this one too. */
  join(cover: Route): void {
    if (this.#identifiers.length === 0) this.#identifiers = cover.#identifiers;
  }

  /** It had for a while: with the identifiers of the other from this one on. */
  hadBy(cover: Route, first: number): void {
    const since = cover.#identifiers.slice(0, cover.#identifiers.indexOf(first) + 1);
    const others = since.filter((identifier) => !this.has(identifier));
    // They are younger than all but those with which it was asked for since.
    const own = Math.max(1, 1 + this.#identifiers.findIndex((identifier) => identifier === this.#steadySince));
    this.#identifiers = this.#identifiers.toSpliced(own, 0, ...others).slice(0, MOST_IDENTIFIERS);
  }

  /** What the Server queued for one that covers this filter, and was on the wire in its place, is for this one too. */
  inherit(other: Route): void {
    this.#identifiers = [...this.#identifiers, ...other.#identifiers].slice(0, MOST_IDENTIFIERS);
    if (other.granted !== undefined) this.grant(other.granted, other.grantedAt);
  }

  /** What was granted is not sure any more. */
  revoke(serial: number): void {
    this.#granted = undefined;
    this.#grantedAt = Infinity;
    this.#fellAt = serial;
  }

  /** Asked for again, a filter stays granted meanwhile; what it did not bring before, it brings from `serial` on. */
  grant(granted: Granted, serial: number, identifier = this.#identifiers[0]): void {
    const before = this.#granted;
    this.#granted = granted;
    this.#grantedIdentifier = identifier;
    if (before !== undefined && bringsMore(before, granted)) this.#fellAt = serial;
    if (before !== undefined && !bringsMore(granted, before)) return;
    this.#grantedAt = serial;
    for (const seat of this.seats) seat.begin(serial, identifier);
  }

  /**
   * A SUBSCRIBE with this identifier, if it has one, brings what the Server retains: for whom it is not.
   * @param cover of the filter that was asked for, by which some of it may have come before.
   */
  withhold({ rules, identifier, isSure }: Withholding, cover?: RetainedWindow): void {
    const bySeat = new Map<Seat, Withheld>();
    for (const [receiver, rule] of rules ?? []) {
      const seat = this.#receivers.get(receiver);
      if (seat !== undefined) bySeat.set(seat, rule);
    }
    if (rules !== undefined) for (const seat of this.#vacant.values()) bySeat.set(seat, 'repeated');
    this.#retained.open(new RetainedWindow(identifier, bySeat, isSure, cover));
  }

  /** A receiver came while it comes, and wants nothing of it. */
  refrain(receiver: Receiver, which: Refrained): void {
    const seat = this.#receivers.get(receiver);
    if (seat !== undefined) this.#retained.refrain(seat, which);
  }

  /** What the SUBSCRIBE with this identifier, if it has one, brings; undefined: all has come. */
  broughtBy(identifier: number | undefined): RetainedWindow | undefined {
    return this.#retained.windowOf(identifier);
  }

  /** All that it brings has come. */
  brought(identifier: number | undefined): void {
    this.#retained.close(identifier);
  }

  /** The connection is gone, and with it what any of them would have brought. */
  withholdNothing(): void {
    this.#retained.closeAll();
  }

  /** Notes a message with the RETAIN flag, and tells what it may be; undefined: it is not what a SUBSCRIBE brings. */
  note(packet: PublishPacket): RetainedCopy | undefined {
    const copy = this.#retained.note(packet);
    // At QoS 0 nobody waits for who is away, who then has had nothing that could come once more.
    if (packet.qos === 0 && this.hasVacancies) this.#retained.forget(packet.topic);
    return copy;
  }

  /** What the Server retains is asked for this receiver. */
  awaitRetained(receiver: Receiver): void {
    this.#receivers.get(receiver)?.awaitRetained();
  }

  /** All of that has come, for whomever. */
  endRetained(): void {
    this.#retained.end();
    for (const seat of this.seats) seat.endRetained();
  }

  /** Whether a copy with these identifiers tells that the Server has the filter, for the messages that it brings now. */
  proves(identifiers: readonly number[]): boolean {
    const first = this.#steadySince ?? this.#identifiers[0];
    for (const identifier of this.#identifiers) {
      if (identifiers.includes(identifier)) return true;
      if (identifier === first) return false;
    }
    return false;
  }

  /** A copy comes for this filter alone. */
  hear({ qos, retain, properties }: PublishPacket, serial: number): void {
    const identifiers = properties?.subscriptionIdentifiers;
    if (retain || identifiers === undefined || !this.proves(identifiers)) return;
    for (const seat of this.seats) seat.hear(qos, serial);
  }

  /** Whether a copy with these identifiers came by a subscription of before the place had one. */
  isBefore(identifiers: readonly number[], { firstIdentifier }: Seat): boolean {
    if (firstIdentifier === undefined) return false;
    const first = this.#identifiers.indexOf(firstIdentifier);
    return this.#identifiers.slice(0, first + 1).every((identifier) => !identifiers.includes(identifier));
  }

  /** Whether a copy with these identifiers is surely nobody's own publication. */
  hasNoLocal(identifiers: readonly number[]): boolean {
    const granted = this.#grantedIdentifier;
    return this.#granted?.noLocal === true && granted !== undefined && identifiers.includes(granted);
  }

  /** The place of the same receiver in this route, or the one that waits for the same `ref`. */
  seatLike({ receiver, vacancy, ref }: Seat): Seat | undefined {
    if (receiver !== undefined) return this.#receivers.get(receiver);
    return vacancy === undefined || ref === undefined ? undefined : this.#vacant.get(ref);
  }

  /** The route is not used any more. */
  end(): void {
    this.giveUp();
    this.#retained.clear();
  }

  #grantLess(before: Granted, asked: Granted, serial: number): void {
    if (!bringsMore(before, asked)) return;
    this.#granted = {
      ...before,
      qos: before.qos < asked.qos ? before.qos : asked.qos,
      noLocal: before.noLocal || asked.noLocal,
      retainAsPublished: before.retainAsPublished || asked.retainAsPublished,
    };
    // Copies with the identifier of before are of what was granted before.
    this.#grantedIdentifier = undefined;
    this.#fellAt = serial;
  }

  #leave(seat: Seat): void {
    seat.leave();
    this.#retained.leave(seat);
  }

  #takeVacant(receiver: Receiver): Seat | undefined {
    const seat = receiver.ref === undefined ? undefined : this.#vacant.get(receiver.ref);
    if (receiver.ref === undefined || seat === undefined) return undefined;
    this.#vacant.delete(receiver.ref);
    seat.take(receiver, this.filter);
    return seat;
  }

  /** From when on a place of now gets copies; of an earlier client's subscription those that were queued for it too. */
  #beginning(serial: number): number {
    if (this.#granted === undefined) return Infinity;
    return this.#grantedAt === 0 ? 0 : serial;
  }

  #newSeat(receiver: Receiver, serial: number): Seat {
    this.#snapshot = undefined;
    return new Seat(receiver, serial, this.#beginning(serial), this.#grantedIdentifier);
  }
}

function bringsSame(one: Granted | undefined, other: Granted | undefined): boolean {
  return one !== undefined && other !== undefined && one.qos === other.qos && one.noLocal === other.noLocal;
}

function bringsMore(one: Granted, other: Granted): boolean {
  return one.qos > other.qos || (!one.noLocal && other.noLocal);
}

/**
 * In which order the filters of a receiver are considered: first those by which a copy is sure to come, at the highest
 * QoS. Of equals the one that was granted first: what the Server had queued then comes by it alone.
 */
export function byRank(a: Route, b: Route): number {
  return (
    Number(a.shared) - Number(b.shared) ||
    (b.granted?.qos ?? -1) - (a.granted?.qos ?? -1) ||
    Number(a.granted?.noLocal ?? false) - Number(b.granted?.noLocal ?? false) ||
    compare(a.grantedAt, b.grantedAt)
  );
}

/** Infinity minus itself is no number. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
