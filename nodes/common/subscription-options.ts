import type { QoS, RetainHandling, SubscriptionOptions } from '../../src/index.ts';
import { flag, qosOf, whole } from './stored.ts';

/** Subscription options as flows store them, and as messages to a dynamic mqtt-in carry them. */
export interface StoredSubscription {
  readonly qos?: unknown;
  /** No Local. */
  readonly nl?: unknown;
  /** Retain As Published. */
  readonly rap?: unknown;
  /** Retain Handling. */
  readonly rh?: unknown;
}

export function subscriptionOptions(stored: StoredSubscription, qos: QoS): SubscriptionOptions {
  return {
    qos: qosOf(stored.qos) ?? qos,
    noLocal: flag(stored.nl, false),
    retainAsPublished: flag(stored.rap, true),
    retainHandling: (whole(stored.rh, 0, 2) ?? 0) as RetainHandling,
  };
}
