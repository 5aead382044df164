import type { QoS, SubscriptionOptions } from '../protocol/packet.ts';
import { parseShare, type TopicFilter } from '../protocol/topic.ts';
import type { Receiver } from '../router/router.ts';
import type { StoredSubscription } from '../store/session-store.ts';
import type { OutcomeListener, SubscriptionOutcome } from './outcome.ts';

/** One receiver's wish for one filter. */
export interface Member {
  readonly options: SubscriptionOptions;
  readonly outcome: OutcomeListener;
  /**
   * Whether it has been given what the Server retains for the filter, which comes with a SUBSCRIBE. `coming`: that was
   * answered, but a Server that is killed may not have sent all of it.
   */
  retained: 'wanted' | 'asked' | 'coming' | 'had';
  /** It was asked for on an earlier connection: what that brought may have come, or be in the session. */
  mayHaveCome: boolean;
  /** Whether it heard an outcome. */
  told: boolean;
}

/** A subscription as the Server granted it. */
export interface Subscribed {
  readonly options: SubscriptionOptions;
  readonly identifier: number | undefined;
  readonly qos: QoS;
}

/**
 * How far the wire is with a filter. `leftover`: the Server may have it all the same; `lost`: what was asked for when the
 * connection or the session was lost; `left`: what was granted when it left. `doubtful`: the
 * Server refused more, and may have dropped this too.
 */
export type Wire =
  | {
      readonly state: 'none' | 'refused';
      readonly leftover: boolean;
      readonly lost?: SubscriptionOptions | undefined;
      readonly left?: Subscribed | undefined;
      /** Refused once more what the Server had granted: it may have it still, and keeps it. */
      readonly stays?: boolean | undefined;
    }
  | Asked
  | (Subscribed & { readonly state: 'granted'; readonly doubtful: boolean });

/** A SUBSCRIBE that is not answered. The object stands for it: an answer to another one is not for this entry any more. */
export interface Asked {
  readonly state: 'asked';
  readonly options: SubscriptionOptions;
  /** What it will be asked for, when `options` are for a while. */
  readonly wanted: SubscriptionOptions;
  readonly identifier: number | undefined;
  readonly before: Before;
  /** What is asked for if that is refused: what was granted before, though the Server may have it no more. */
  readonly less: Subscribed | undefined;
  readonly leftover: boolean;
  /** Whether it was granted already, and is asked for only because the Server may have it no more. */
  readonly again: boolean;
}

/** What the Server has if it refuses what is asked for; one for all that is asked in a row. */
interface Before {
  granted: Subscribed | undefined;
}

/** A filter that somebody wants, or that the Server may have. */
export class SubscriptionEntry {
  readonly filter: TopicFilter;
  readonly shared: boolean;
  readonly members = new Map<Receiver, Member>();
  #wire: Wire = { state: 'none', leftover: false };
  /** An UNSUBSCRIBE of an earlier connection was not answered: the Server may have what was there before it, or nothing. */
  #unsure = false;
  /** Left to the Server as it is, until somebody takes it up or it is pruned. */
  #kept = false;
  /** Of its receivers that may come back. */
  readonly #released: SubscriptionOptions[] = [];
  /** What the Server refused, on this connection, although it grants less. */
  #tooMuch: { readonly refused: SubscriptionOptions; readonly allowed: SubscriptionOptions } | undefined;

  constructor(filter: TopicFilter) {
    this.filter = filter;
    this.shared = parseShare(filter) !== undefined;
  }

  /** As the Server of a kept session has it. */
  static restored({ filter, options, identifier, granted, unanswered }: StoredSubscription): SubscriptionEntry {
    const entry = new SubscriptionEntry(filter);
    // Something may have been sent since that nobody heard an answer to: it is asked for again.
    entry.#wire =
      unanswered === undefined
        ? { state: 'granted', options, identifier, qos: granted, doubtful: true }
        : { state: 'none', leftover: true, lost: options };
    return entry;
  }

  get wire(): Wire {
    return this.#wire;
  }

  /** What the Server still has if it refuses the next SUBSCRIBE; what it refused once, and this with it, is not trusted. */
  get granted(): Subscribed | undefined {
    const wire = this.#wire;
    if (wire.state === 'granted') return wire.doubtful ? undefined : wire;
    return wire.state === 'asked' ? wire.before.granted : undefined;
  }

  /** What is asked for once more if the next SUBSCRIBE is refused. */
  get less(): Subscribed | undefined {
    const wire = this.#wire;
    switch (wire.state) {
      case 'granted':
        return wire;
      case 'asked':
        return wire.before.granted ?? wire.less;
      default:
        return wire.left;
    }
  }

  get onWire(): boolean {
    return this.#wire.state === 'asked' || this.#wire.state === 'granted';
  }

  /** Whether it has no subscription of its own beside that of `cover`, or may have none: then it gets copies by both. */
  comesBy(cover: SubscriptionEntry): boolean {
    return this === cover || !this.onWire || this.#isDoubtful;
  }

  /** The Server granted all that was asked for. */
  get isSettled(): boolean {
    return this.#wire.state === 'granted' && !this.#wire.doubtful && this.#tooMuch === undefined;
  }

  /** Whether it belongs on the wire, itself or by a filter that covers it. */
  get wanted(): boolean {
    return this.members.size > 0 || this.#keptWishes.length > 0;
  }

  /** Granted at some time, and it is not known whether the Server has it still. */
  get #isDoubtful(): boolean {
    return this.#wire.state === 'granted' && this.#wire.doubtful;
  }

  /** Nothing about it has to be remembered. */
  get isOver(): boolean {
    return this.members.size === 0 && !this.#kept && !this.onWire && !this.mayBeLeftover;
  }

  /** Not subscribed as far as is known here, but the Server may have it. */
  get mayBeLeftover(): boolean {
    const wire = this.#wire;
    return (wire.state === 'none' || wire.state === 'refused') && wire.leftover;
  }

  /** The options that every receiver of before had stay on the wire while it is kept: one of them may come back. */
  get wishes(): SubscriptionOptions[] {
    return [...[...this.members.values()].map(({ options }) => options), ...this.#keptWishes];
  }

  /** One that another filter covers has nothing on the wire: then it is what its receivers wanted. */
  get #keptWishes(): readonly SubscriptionOptions[] {
    if (!this.#kept) return [];
    return this.#keptOptions === undefined ? this.#released : [this.#keptOptions];
  }

  /**
   * Whether a SUBSCRIBE is not enough for these options, as it ought to be (3.8.4): mosquitto up to 2.0 goes on with the
   * No Local of the one that made the subscription, and RabbitMQ 3.x has another one at QoS 0, beside which the first
   * stays.
   */
  isOtherwise({ qos, noLocal }: SubscriptionOptions, mqtt5: boolean): boolean {
    if (this.#unsure) return true;
    const has = this.onWire || this.mayBeLeftover ? this.#keptOptions : undefined;
    return has !== undefined && ((qos === 0) !== (has.qos === 0) || (mqtt5 && noLocal !== has.noLocal));
  }

  /** What the Server has for those who may come back, or had until it was lost. */
  get #keptOptions(): SubscriptionOptions | undefined {
    const wire = this.#wire;
    return wire.state === 'asked' || wire.state === 'granted' ? wire.options : wire.lost;
  }

  add(receiver: Receiver, options: SubscriptionOptions, outcome: OutcomeListener): void {
    this.members.set(receiver, { options, outcome, retained: 'wanted', mayHaveCome: false, told: false });
    // A new receiver is a reason to ask again.
    this.forgive();
  }

  remove(receiver: Receiver): boolean {
    return this.members.delete(receiver);
  }

  /** It goes, and may come back. */
  release(receiver: Receiver): boolean {
    const member = this.members.get(receiver);
    if (member !== undefined) this.#released.push(member.options);
    return this.remove(receiver);
  }

  keep(): void {
    this.#kept = true;
  }

  prune(): void {
    this.#kept = false;
    this.#released.length = 0;
  }

  /** What was refused may be asked for again. */
  forgive(): void {
    this.#tooMuch = undefined;
    if (this.#wire.state === 'refused') this.#wire = { ...this.#wire, state: 'none' };
  }

  /** What may be asked for, of what is wanted. */
  allowed(wanted: SubscriptionOptions): SubscriptionOptions {
    if (this.#tooMuch === undefined || differs(this.#tooMuch.refused, wanted)) return wanted;
    return { ...this.#tooMuch.allowed, retainHandling: wanted.retainHandling };
  }

  /** Whether the wire has something else than these options. */
  differsFrom(options: SubscriptionOptions): boolean {
    const wire = this.#wire;
    switch (wire.state) {
      case 'none':
        return true;
      case 'refused':
        return false;
      case 'asked':
        return differs(wire.options, options);
      case 'granted':
        return (wire.doubtful && this.members.size > 0) || differs(wire.options, options);
    }
  }

  ask(options: SubscriptionOptions, identifier: number | undefined, wanted: SubscriptionOptions): Asked {
    const wire = this.#wire;
    const asked: Asked = {
      state: 'asked',
      options,
      wanted,
      identifier,
      before: wire.state === 'asked' ? wire.before : { granted: this.granted },
      less: wire.state === 'granted' ? undefined : this.less,
      leftover: this.#mayRemain(),
      again: this.#isInDoubt && !differs(this.#keptOptions ?? options, options),
    };
    this.#wire = asked;
    return asked;
  }

  /** The answer to this SUBSCRIBE. */
  grant({ options, identifier }: Asked, qos: QoS): void {
    this.#wire = { state: 'granted', options, identifier, qos, doubtful: false };
  }

  /** The answer to this SUBSCRIBE, behind which the filter was asked for again. False: it was given up meanwhile. */
  grantMeanwhile({ before, options, identifier }: Asked, qos: QoS): boolean {
    before.granted = { options, identifier, qos };
    return this.#wire.state === 'asked' && this.#wire.before === before;
  }

  /** Refused. True: the Server granted less before, which is asked for once more. */
  refuse(): boolean {
    const wire = this.#wire;
    const less = this.less;
    if (wire.state === 'asked' && less !== undefined) {
      this.#tooMuch = { refused: wire.wanted, allowed: less.options };
      this.#wire = { ...less, state: 'granted', doubtful: true };
      return true;
    }
    const stays = wire.state === 'asked' && wire.again;
    this.#wire = { state: 'refused', leftover: this.#mayRemain(), stays, ...(stays && { lost: wire.options }) };
    return false;
  }

  /** The UNSUBSCRIBE was sent: whatever is sent behind it on this connection finds nothing there. */
  unsubscribed(): void {
    this.#unsure = false;
    this.#wire = { state: this.#wire.state === 'refused' ? 'refused' : 'none', leftover: false, left: this.less };
  }

  /** An UNSUBSCRIBE for the filter was not answered before the connection ended, for whichever entry that was. */
  remains(): void {
    this.#unsure = true;
    const wire = this.#wire;
    if (wire.state === 'none' || wire.state === 'refused') this.#wire = { ...wire, leftover: true };
  }

  /** The connection is gone: what was asked and not answered will be asked again. */
  lost(): void {
    if (this.#wire.state === 'asked') this.#wire = { state: 'none', leftover: true, lost: this.#wire.options };
    for (const member of this.members.values()) {
      if (member.retained !== 'asked') continue;
      member.retained = 'wanted';
      member.mayHaveCome = true;
    }
  }

  /** The Server has no session: nothing of it is on the wire. */
  reset(): void {
    this.#wire = { state: 'none', leftover: false, lost: this.#keptOptions };
    for (const member of this.members.values()) {
      member.retained = 'wanted';
      member.mayHaveCome = false;
    }
  }

  /** The SUBSCRIBE was answered: what the Server retains follows, now or by the session that it keeps. */
  retainedComes(): void {
    for (const member of this.members.values()) if (member.retained === 'asked') member.retained = 'coming';
  }

  /** All that the Server retains for the filter has come. */
  retainedCame(): void {
    for (const member of this.members.values()) if (member.retained === 'coming') member.retained = 'had';
  }

  /** Whether a SUBSCRIBE is under way that brings what the Server retains. */
  get isAsking(): boolean {
    return [...this.members.values()].some(({ retained }) => retained === 'asked');
  }

  /** Whether somebody may not have all yet that the Server retains. */
  get awaitsRetained(): boolean {
    return [...this.members.values()].some(({ retained }) => retained === 'coming');
  }

  /**
   * The connection ended, and nothing of that had come: it is asked for once more, beside what the session may have of it.
   * Not for who wanted it only if the subscription was new: it is not any more (3.8.3.1).
   */
  wantRetained(): void {
    for (const member of this.members.values()) {
      if (member.retained !== 'coming') continue;
      member.retained = member.options.retainHandling === 1 ? 'had' : 'wanted';
      member.mayHaveCome = true;
    }
  }

  /** The Server may have come back with an older session: without it, or with it as it was. */
  mayBeGone(): void {
    if (this.#wire.state === 'granted') this.#wire = { ...this.#wire, doubtful: true };
  }

  /** The Server may have no session of before: then nothing of it is on the wire. */
  doubt(): void {
    const asked = [...this.members.values()].filter(
      ({ retained, mayHaveCome }) => mayHaveCome || retained === 'coming',
    );
    this.reset();
    for (const member of asked) member.mayHaveCome = true;
    this.#wire = { state: 'none', leftover: true, lost: this.#keptOptions };
  }

  tell(outcome: (member: Member) => SubscriptionOutcome, whom: (member: Member) => boolean = () => true): void {
    for (const member of [...this.members.values()].filter(whom)) {
      member.told = true;
      member.outcome(outcome(member));
    }
  }

  /** Granted, and not known to be there still; what was refused since is no such case. */
  get #isInDoubt(): boolean {
    const wire = this.#wire;
    if (wire.state === 'none') return wire.stays === true;
    return wire.state === 'granted' && wire.doubtful && this.#tooMuch === undefined;
  }

  #mayRemain(): boolean {
    return this.#wire.state === 'granted' || this.#wire.leftover;
  }
}

/** Whether the Server has answered the SUBSCRIBE that brings what it retains. */
export function hasRetained({ retained }: Member): boolean {
  return retained === 'coming' || retained === 'had';
}

/** Whether it has all of that. */
export function hasAllRetained({ retained }: Member): boolean {
  return retained === 'had';
}

/** Retain Handling is about the SUBSCRIBE alone: it does not make another subscription. */
export function differs(one: SubscriptionOptions, other: SubscriptionOptions): boolean {
  return one.qos !== other.qos || one.noLocal !== other.noLocal || one.retainAsPublished !== other.retainAsPublished;
}

/** Whether `options` need more than a subscription with those of `granted` brings. */
export function exceeds(options: SubscriptionOptions, granted: SubscriptionOptions): boolean {
  return (
    options.qos > granted.qos ||
    (options.retainAsPublished && !granted.retainAsPublished) ||
    (!options.noLocal && granted.noLocal)
  );
}
