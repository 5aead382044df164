import type { ConnackProperties, ConnectPacket, QoS } from '../protocol/packet.ts';

/** What the Server allows on a connection (3.2.2.3), the defaults of the specification filled in. */
export interface ServerLimits {
  readonly receiveMaximum: number;
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
  /** Bytes; Infinity without a limit. */
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
  readonly wildcardSubscriptionAvailable: boolean;
  readonly subscriptionIdentifiersAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
  /** Seconds; the Server's, or else ours [MQTT-3.1.2-21]. */
  readonly keepAlive: number;
  /** The Server's Assigned Client Identifier, or else ours [MQTT-3.2.2-16]. */
  readonly clientId: string;
  /** Seconds for which the Server keeps the session; 0xFFFFFFFF: for ever. */
  readonly sessionExpiryInterval: number;
}

const MQTT_3_FOR_EVER = 0xffffffff;

export function serverLimits(connect: ConnectPacket, properties: ConnackProperties): ServerLimits {
  const mqtt5 = connect.protocolVersion === 5;
  const asked = mqtt5 ? (connect.properties?.sessionExpiryInterval ?? 0) : connect.cleanStart ? 0 : MQTT_3_FOR_EVER;
  return {
    receiveMaximum: properties.receiveMaximum ?? 65_535,
    maximumQoS: properties.maximumQoS ?? 2,
    retainAvailable: properties.retainAvailable ?? true,
    maximumPacketSize: properties.maximumPacketSize ?? Infinity,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    wildcardSubscriptionAvailable: properties.wildcardSubscriptionAvailable ?? true,
    // Before MQTT 5 there are none.
    subscriptionIdentifiersAvailable: mqtt5 && (properties.subscriptionIdentifiersAvailable ?? true),
    sharedSubscriptionAvailable: properties.sharedSubscriptionAvailable ?? true,
    keepAlive: properties.serverKeepAlive ?? connect.keepAlive,
    clientId: properties.assignedClientIdentifier ?? connect.clientId,
    sessionExpiryInterval: properties.sessionExpiryInterval ?? asked,
  };
}
