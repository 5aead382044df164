import type { PacketId, QoS, SubscriptionOptions } from '../protocol/packet.ts';
import type { TopicFilter } from '../protocol/topic.ts';
import type { Backlog } from './backlog.ts';
import type { StoredMessage } from './stored-message.ts';

export type { OutgoingState, Settle, StoredMessage } from './stored-message.ts';

/** Calls `tell`, which tells somebody that a message failed: at once, or in a later turn and in the order in which they came. */
export type Failing = (tell: () => void) => void;

/** A message of an earlier client failed with `error`; `tell` tells who gave it, as far as that is known. */
export type Restored = (error: Error, tell: () => void) => void;

export const atOnce: Failing = (tell) => tell();

/** A subscription that the Server granted, or may have. */
export interface StoredSubscription {
  readonly filter: TopicFilter;
  /** The Subscription Identifier with which it was asked for. */
  readonly identifier: number | undefined;
  readonly options: SubscriptionOptions;
  readonly granted: QoS;
  /**
   * What was sent for it on a connection that is gone, and never answered. A SUBSCRIBE: the Server may have nothing; an
   * UNSUBSCRIBE: it may have nothing, or what it had before.
   */
  readonly unanswered?: 'subscribe' | 'unsubscribe' | undefined;
}

/** A received QoS 2 message that the Server has not released (4.3.3). */
export interface StoredReceived {
  readonly packetId: PacketId;
  /** A number that tells it from other messages under this id, 32 bits; undefined: it was stored without. */
  readonly fingerprint: number | undefined;
}

/**
 * What somebody wants who is to have it again when he is made anew: an object that takes his place, in this process or the
 * next, finds it by `ref`. One who says himself what he wants, each time that he is made, needs none.
 */
export interface StoredWish {
  /** Who wants it; not empty. */
  readonly ref: string;
  readonly filter: TopicFilter;
  readonly options: SubscriptionOptions;
  /** For him alone, who knows what it means: at most {@link LONGEST_NOTE} characters. Default empty. */
  readonly note: string;
}

export const LONGEST_NOTE = 1000;

/** Wishes that are over: one, or all of somebody. */
export interface EndedWish {
  readonly ref: string;
  /** undefined: all that he wanted. */
  readonly filter: TopicFilter | undefined;
}

/** `kept`: whether it is durable; false where that cannot be, such as on a disk that failed, and only memory has it. */
export type Durable = (kept: boolean) => void;

/** Whose session it is: the Server and the client id under which it is kept (4.1). */
export interface SessionIdentity {
  /** `mqtts://host:8883`. */
  readonly server: string;
  readonly clientId: string;
  /** A CONNECT may have reached the Server whose CONNACK nobody saw: the session may be another one since. */
  readonly unanswered?: boolean;
}

export interface StoredSession {
  /** Undefined: nobody's yet. */
  readonly identity: SessionIdentity | undefined;
  /** By rising sequence: those in memory. */
  readonly outgoing: readonly StoredMessage[];
  readonly received: readonly StoredReceived[];
  /** Subscriptions that the Server granted and keeps with the session (4.1). */
  readonly subscriptions: readonly StoredSubscription[];
  readonly wishes: readonly StoredWish[];
  /** Of a store that stands in for another one: what is over since, and may be found there still. undefined: it has all. */
  readonly ended?: readonly EndedWish[] | undefined;
}

/**
 * Where a session outlives its client: the accepted messages, the received QoS 2 packet ids, and the subscriptions (4.1);
 * and of these, who wants them.
 * The session calls it in protocol order; the packet that a record is about leaves when {@link commit} says so.
 */
export interface SessionStore {
  /** Messages that wait on disk alone, behind those that {@link load} has; undefined: the store has all in memory. */
  readonly backlog?: Backlog | undefined;
  load(): StoredSession;
  saveIdentity(identity: SessionIdentity): void;
  /** Adds the record of a message, with its payload. */
  put(message: StoredMessage): void;
  /** The state of a message that was put is another one; nothing else of its record is. */
  advance(message: StoredMessage): void;
  remove(sequence: number): void;
  /** Adds the record, or replaces the one of the same id. */
  saveReceived(received: StoredReceived): void;
  removeReceived(packetId: PacketId): void;
  /** Adds the record, or replaces the one of the same filter. */
  saveSubscription(subscription: StoredSubscription): void;
  removeSubscription(filter: TopicFilter): void;
  /** What somebody wants, in the order in which it was found or saved first; without `ref`, what all want. */
  wishesOf(ref?: string): readonly StoredWish[];
  /** Adds the record, or replaces the one of the same `ref` and filter. */
  saveWish(wish: StoredWish): void;
  /** Without `filter` all that he wants. It is waited for as if it were saved: found once more, it would be subscribed. */
  removeWish(ref: string, filter?: TopicFilter): void;
  /** Whether all that was written so far is durable: then nothing has to wait for {@link commit}. */
  readonly isDurable: boolean;
  /**
   * Calls `durable` once, when all that was written so far outlives what the store is to outlive: at once where that is the
   * client alone, else later, and in the order of the calls. A message or subscription that was only removed is not waited
   * for: found once more, it does no harm. An id is: the Server may give it to another message.
   */
  commit(durable: Durable): void;
}
