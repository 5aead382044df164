import type { QoS } from '../../src/index.ts';

export type CopyState = 'queued' | 'published' | 'released' | 'done';

/** A publication on its way to one client: one for each subscription, or one for all. */
export interface Copy {
  /** The message; several publications may have the same, when a QoS 1 message reached the Server twice. */
  readonly label: string;
  /** Rises with every copy. */
  readonly serial: number;
  /** The client id of the session that it is in. */
  readonly session: string;
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Retained before, and sent because of a SUBSCRIBE. */
  readonly stored: boolean;
  /** When the Server made it. */
  readonly routed: number;
  /** The subscriptions that it is for. */
  readonly filters: readonly string[];
  /** Those that its client has left. */
  readonly left: readonly string[];
  /** When the Server first had one of them, in milliseconds. */
  readonly began: number;
  /** Its session ends with its connection. */
  readonly brief: boolean;
  /** Their Subscription Identifiers, if they had any. */
  readonly identifiers: readonly number[];
  packetId: number;
  state: CopyState;
  /** The states that it was in, and since when, in milliseconds, the first first. */
  readonly history: { readonly state: CopyState; readonly at: number }[];
  /** How often the client was given it. */
  given: number;
  /** Given with the RETAIN flag while a SUBSCRIBE made the Server send what it retains: who wants none of that misses it. */
  ambiguous: boolean;
  /** When the client was given it first. */
  gotMoment: number | undefined;
  /** When some receiver was given it first after that. */
  handedMoment: number | undefined;
  /** Some receiver was given it since it came last. */
  handed: boolean;
  /** The client acknowledged it. */
  acknowledged: boolean;
  /** The Server forgot it: its session is gone. */
  lost: boolean;
}
