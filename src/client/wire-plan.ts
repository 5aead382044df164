import type { QoS, RetainHandling, SubscriptionOptions } from '../protocol/packet.ts';
import { parseShare, type TopicFilter } from '../protocol/topic.ts';
import type { Receiver } from '../router/router.ts';
import { TopicTrie } from '../router/topic-trie.ts';
import type { OutcomeListener } from './outcome.ts';

/** One receiver's wish for one filter. */
export interface Member {
  readonly options: SubscriptionOptions;
  readonly outcome: OutcomeListener;
  /** Whether it has been given the messages that the Server holds for the filter: retained ones come with a SUBSCRIBE. */
  stored: 'wanted' | 'asked' | 'had';
}

/** How far the wire is with a filter. */
export type Wire = 'none' | 'asked' | 'granted' | 'refused';

/** A filter that somebody wants, or that the Server still has. */
export interface Entry {
  readonly filter: TopicFilter;
  readonly members: Map<Receiver, Member>;
  wire: Wire;
  /** What the Server was asked for last. */
  asked: SubscriptionOptions | undefined;
  /** The Subscription Identifier of that, if there was one. */
  identifier: number | undefined;
  /** The QoS of the last SUBACK. */
  granted: QoS;
  /** Rises with every SUBSCRIBE, so that an answer to an earlier one is recognised. */
  version: number;
}

/** A filter that belongs on the wire, and the entries that get their messages by it. */
export interface WireWish {
  readonly entry: Entry;
  readonly serves: readonly Entry[];
  readonly options: SubscriptionOptions;
}

/** With Subscription Identifiers each filter stands for itself: copies of a message tell what they are for. */
export function planEach(entries: Iterable<Entry>): WireWish[] {
  return [...entries].filter(({ members }) => members.size > 0).map((entry) => wish(entry, [entry]));
}

/**
 * Without them, two filters that match one message may bring it twice. A filter that another one covers stays off the
 * wire: the other one brings its messages too. One that the Server refused covers nothing.
 */
export function planCovering(entries: Iterable<Entry>): WireWish[] {
  const wanted = [...entries].filter(({ members }) => members.size > 0);
  const trie = new TopicTrie<Entry>();
  for (const entry of wanted) {
    if (entry.wire !== 'refused' && parseShare(entry.filter) === undefined) trie.set(entry.filter, entry);
  }
  const serves = new Map<Entry, Entry[]>();
  for (const entry of wanted) {
    for (const covering of coverings(entry, trie)) {
      const served = serves.get(covering);
      if (served === undefined) serves.set(covering, [entry]);
      else served.push(entry);
    }
  }
  return [...serves].map(([entry, served]) => wish(entry, served));
}

/** The outermost filters that cover an entry's: itself, if there is no other. */
function coverings(entry: Entry, trie: TopicTrie<Entry>): Entry[] {
  // The Server takes a Shared Subscription and its plain filter for two (4.8.2).
  if (parseShare(entry.filter) !== undefined) return [entry];
  const others = othersCovering(entry, trie);
  const outermost = others.filter((other) => othersCovering(other, trie).length === 0);
  return outermost.length > 0 ? outermost.slice(0, 1) : [entry];
}

function othersCovering(entry: Entry, trie: TopicTrie<Entry>): Entry[] {
  const others: Entry[] = [];
  trie.covering(entry.filter, (other) => {
    if (other !== entry) others.push(other);
  });
  return others;
}

function wish(entry: Entry, serves: readonly Entry[]): WireWish {
  return { entry, serves, options: mergedOptions(entry, serves) };
}

/** One subscription serves all: the highest QoS, and every message that any of them wants. */
function mergedOptions(entry: Entry, serves: readonly Entry[]): SubscriptionOptions {
  const members = serves.flatMap((served) => [...served.members.values()]);
  const all = members.map(({ options }) => options);
  return {
    qos: Math.max(...all.map(({ qos }) => qos)) as QoS,
    // [MQTT-3.8.3-4] No Local is not allowed on a Shared Subscription.
    noLocal: parseShare(entry.filter) === undefined && all.every(({ noLocal }) => noLocal),
    retainAsPublished: all.some(({ retainAsPublished }) => retainAsPublished),
    retainHandling: retainHandling(entry, members),
  };
}

/** Retained messages are asked for only when a member still wants them. */
function retainHandling(entry: Entry, members: readonly Member[]): RetainHandling {
  const waiting = members.filter(wantsStored);
  if (waiting.length === 0) return 2;
  // "Only if the subscription is new" is the Server's to judge while nobody here has had it.
  const allIfNew = entry.wire === 'none' && waiting.every(({ options }) => options.retainHandling === 1);
  return allIfNew ? 1 : 0;
}

/** Whether a SUBSCRIBE has to be sent for this member's sake, so that the Server sends what it retains. */
export function wantsStored({ options, stored }: Member): boolean {
  return stored === 'wanted' && options.retainHandling !== 2;
}

/** Whether a retained message that answers a SUBSCRIBE of now is not for this member. */
export function refusesStored({ options, stored }: Member): boolean {
  return options.retainHandling === 2 || stored === 'had';
}
