/** PUBLISH packets and the bytes of their payloads, at QoS 0, 1 and 2; each time that a packet passes counts. */
export interface TrafficNumbers {
  readonly packets: readonly [number, number, number];
  readonly bytes: readonly [number, number, number];
}

/** How long messages took, from when they were accepted until the broker acknowledged them. */
export interface LatencyNumbers {
  /** The upper ends of the ranges, in milliseconds; what took longer has a range of its own. */
  readonly bounds: readonly number[];
  /** How many there were in each range; that of the longest last. */
  readonly counts: readonly number[];
  /** Milliseconds of all together. */
  readonly sum: number;
}

/** A failure as data: what it is about is in its codes, for whoever explains it in other words. */
export interface FailureNumbers {
  /** In the catalogue of failures, such as `network.ECONNREFUSED`. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Of `MqttError`. */
  readonly code: string;
  /** The broker's; undefined: it said nothing. */
  readonly reasonCode: number | undefined;
  /** The system's, or that of TLS, such as `ECONNREFUSED`; undefined: there is none. */
  readonly systemCode: string | undefined;
  /** The whole sentence, as the log has it. */
  readonly message: string;
}

/** What the broker allows on the connection, as it said in CONNACK, or as the specification has it where it said nothing. */
export interface BrokerLimits {
  readonly receiveMaximum: number;
  readonly maximumQoS: 0 | 1 | 2;
  readonly retainAvailable: boolean;
  /** Bytes; undefined: it named no limit. */
  readonly maximumPacketSize: number | undefined;
  readonly topicAliasMaximum: number;
  readonly wildcardSubscriptionAvailable: boolean;
  readonly subscriptionIdentifiersAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
  /** Seconds; 0: off. */
  readonly keepAlive: number;
  /** Seconds for which it keeps the session; 0xFFFFFFFF: for ever. */
  readonly sessionExpiryInterval: number;
}

/** The numbers of a connection: plain data, without any secret. The counters begin with the connection and never go back. */
export interface ConnectionNumbers {
  readonly state: 'idle' | 'connecting' | 'connected' | 'waiting' | 'closing' | 'closed';
  /** `mqtts://host:8883`; undefined: the settings make no sense. */
  readonly server: string | undefined;
  readonly clientId: string | undefined;
  /** Of the connection, or of the next attempt. */
  readonly protocolVersion: 3 | 4 | 5 | undefined;
  /** Of the connection, while there is one: the broker had the session already, or not. */
  readonly session: 'resumed' | 'new' | undefined;
  /** Milliseconds since the epoch; undefined: it is not connected. */
  readonly connectedSince: number | undefined;
  /** When it is tried again, in milliseconds since the epoch; undefined: it does not wait for that. */
  readonly nextAttempt: number | undefined;
  /** Milliseconds from the last PINGREQ to its answer; undefined: there was none on this connection. */
  readonly roundTrip: number | undefined;
  /** Connections that followed on the first one. */
  readonly reconnects: number;
  readonly received: TrafficNumbers;
  readonly sent: TrafficNumbers;
  /** Of what was sent at QoS 1 and 2. */
  readonly latency: { readonly qos1: LatencyNumbers; readonly qos2: LatencyNumbers };
  /** What the broker does not have yet, or has not acknowledged. */
  readonly outbox: {
    readonly messages: number;
    readonly bytes: number;
    /** Seconds for which the first of them has waited; 0: there is none. */
    readonly oldest: number;
  };
  /** Of these, at QoS 1 and 2, those that left and are not acknowledged. */
  readonly inFlight: number;
  /** Messages that were refused for want of room or of a connection, gave way, or waited too long. */
  readonly dropped: number;
  /** How many messages failed, by why: the codes of `MqttError`. */
  readonly failures: Readonly<Record<string, number>>;
  readonly subscriptions: number;
  /** Why the last connection ended, or the last attempt failed; undefined: none did. */
  readonly lastFailure: FailureNumbers | undefined;
  /** While connected. */
  readonly limits: BrokerLimits | undefined;
}
