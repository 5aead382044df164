import type { QoS, RetainHandling, SubscriptionOptions } from '../protocol/packet.ts';
import type { Asked, Member, SubscriptionEntry } from './subscription-entry.ts';

/** A filter that belongs on the wire, and the entries that get their messages by it. */
export interface WireWish {
  readonly entry: SubscriptionEntry;
  readonly serves: readonly SubscriptionEntry[];
  readonly options: SubscriptionOptions;
}

/** A wish with the options that it is asked for with, while what the Server retains comes. */
export interface OpeningWish extends WireWish {
  readonly opening: SubscriptionOptions;
}

/** A wish with the SUBSCRIBE that was sent for it. */
export interface AskedWish extends WireWish {
  readonly asked: Asked;
}

/** What is to be on the wire of the entries that changed, and what is not. */
export interface WirePlan {
  readonly wishes: readonly WireWish[];
  readonly off: readonly SubscriptionEntry[];
  /** Entries whose messages come by another one's subscription than before, or for the first time. */
  readonly moved: ReadonlySet<SubscriptionEntry>;
}

/** With Subscription Identifiers each filter stands for itself: copies of a message tell what they are for. */
export function planEach(dirty: Iterable<SubscriptionEntry>): WirePlan {
  const entries = [...dirty];
  return {
    wishes: entries.filter(({ wanted }) => wanted).map((entry) => wishFor(entry, [entry])),
    off: entries.filter(({ wanted }) => !wanted),
    moved: new Set(),
  };
}

export function wishFor(entry: SubscriptionEntry, serves: readonly SubscriptionEntry[]): WireWish {
  return { entry, serves, options: entry.allowed(mergedOptions(entry, serves)) };
}

/**
 * Whether a SUBSCRIBE is needed: never asked, asked for something else, or for the sake of the retained messages.
 * @param identified whether a copy says for which filter it is.
 */
export function differsFromWire({ entry, serves, options }: WireWish, identified: boolean): boolean {
  if (entry.wire.state === 'refused') return false;
  return entry.differsFrom(options) || membersOf(reached(entry, serves, identified)).some(wantsRetained);
}

/** Those to whom copies of what the entry is subscribed for go: not to one that still has a subscription of its own. */
export function reached(
  entry: SubscriptionEntry,
  serves: readonly SubscriptionEntry[],
  identified: boolean,
): readonly SubscriptionEntry[] {
  return identified ? serves.filter((served) => served.comesBy(entry)) : serves;
}

export function membersOf(entries: readonly SubscriptionEntry[]): Member[] {
  return entries.flatMap(({ members }) => [...members.values()]);
}

/** One subscription serves all: the highest QoS, and every message that any of them wants. */
function mergedOptions(entry: SubscriptionEntry, serves: readonly SubscriptionEntry[]): SubscriptionOptions {
  const all = serves.flatMap(({ wishes }) => wishes);
  return {
    qos: all.reduce<QoS>((highest, { qos }) => (qos > highest ? qos : highest), 0),
    // [MQTT-3.8.3-4] No Local is not allowed on a Shared Subscription.
    noLocal: !entry.shared && all.every(({ noLocal }) => noLocal),
    retainAsPublished: all.some(({ retainAsPublished }) => retainAsPublished),
    retainHandling: retainHandling(entry, membersOf(serves)),
  };
}

/** Retained messages are asked for only when a member still wants them. */
function retainHandling(entry: SubscriptionEntry, members: readonly Member[]): RetainHandling {
  const waiting = members.filter(wantsRetained);
  if (waiting.length === 0) return 2;
  // "Only if the subscription is new" is the Server's to judge while nobody here has had it.
  const allIfNew = entry.wire.state === 'none' && waiting.every(({ options }) => options.retainHandling === 1);
  return allIfNew ? 1 : 0;
}

/** Whether a SUBSCRIBE has to be sent for this member's sake, so that the Server sends what it retains. */
function wantsRetained({ options, retained }: Member): boolean {
  return retained === 'wanted' && options.retainHandling !== 2;
}
