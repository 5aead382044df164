import type { MqttError } from '../protocol/errors.ts';
import type { QoS } from '../protocol/packet.ts';

/** What the Server said to a subscription. */
export type SubscriptionOutcome =
  { readonly granted: true; readonly qos: QoS } | { readonly granted: false; readonly error: MqttError };

/** Told on every answer of the Server, also after a reconnect. */
export type OutcomeListener = (outcome: SubscriptionOutcome) => void;
