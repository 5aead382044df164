import type { MqttError } from '../protocol/errors.ts';
import type { QoS } from '../protocol/packet.ts';

/** What the Server said to a subscription. */
export type SubscriptionOutcome =
  | {
      readonly granted: true;
      /** It may be lower than what was asked for. */
      readonly qos: QoS;
      /**
       * What was asked for and is not in force. No Local is not while another receiver has the same filter without it,
       * nor before MQTT 5: the receiver gets this client's own publications too.
       */
      readonly unmet?: 'no-local';
    }
  | { readonly granted: false; readonly error: MqttError };

/** Told on every answer of the Server, also after a reconnect; and once when nothing had to be asked. */
export type OutcomeListener = (outcome: SubscriptionOutcome) => void;
