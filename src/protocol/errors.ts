import { shownText } from './visible.ts';
import { describeReasonCode, mayRetrySoon, ReasonCode } from './reason-codes.ts';

/** What failed, for a program. The message says it for a person: what, for whom, with which number, never a secret. */
export type MqttErrorCode =
  | 'closed'
  | 'connection-lost'
  | 'connection-refused'
  | 'dropped'
  | 'expired'
  | 'handshake-timeout'
  | 'invalid-filter'
  | 'invalid-message'
  | 'invalid-options'
  | 'invalid-topic'
  | 'keep-alive-timeout'
  | 'malformed-packet'
  | 'message-set-aside'
  | 'message-skipped'
  | 'not-acknowledged'
  | 'not-answered'
  | 'not-mqtt'
  | 'not-supported'
  | 'offline'
  | 'outbox-full'
  | 'packet-too-large'
  | 'protocol-error'
  | 'outcome-unknown'
  | 'publish-rejected'
  | 'qos-downgraded'
  | 'receiver-failed'
  | 'reception-paused'
  | 'server-disconnected'
  | 'session-lost'
  | 'session-moved'
  | 'store-failed'
  | 'subscription-refused'
  | 'tls-failed'
  | 'unreachable';

export interface MqttErrorOptions {
  readonly cause?: unknown;
  /** Whether the same action may succeed later without a person changing anything. Default false. */
  readonly retryable?: boolean;
}

/** The base of every error that this package raises. What its message quotes from outside is made visible. */
export class MqttError extends Error {
  readonly code: MqttErrorCode;
  readonly retryable: boolean;

  constructor(code: MqttErrorCode, message: string, options: MqttErrorOptions = {}) {
    super(shownText(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MqttError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** The peer broke the protocol; `reasonCode` is what the DISCONNECT says before the connection is closed (4.13.1). */
export class ProtocolViolation extends MqttError {
  readonly reasonCode: number;

  constructor(code: 'malformed-packet' | 'protocol-error' | 'packet-too-large', reasonCode: number, message: string) {
    super(code, `${message} (${describeReasonCode(reasonCode)})`, { retryable: true });
    this.name = 'ProtocolViolation';
    this.reasonCode = reasonCode;
  }
}

/** Bytes that are not a control packet: DISCONNECT 0x81, or another code where the specification names one. */
export function malformed(message: string): ProtocolViolation {
  return new ProtocolViolation('malformed-packet', ReasonCode.MalformedPacket, message);
}

/** A well-formed packet that the Server may not send now: DISCONNECT 0x82, or the code given. */
export function protocolError(message: string, reasonCode: number = ReasonCode.ProtocolError): ProtocolViolation {
  return new ProtocolViolation('protocol-error', reasonCode, message);
}

/** What was given as the address of a Server is none. */
export class InvalidServer extends MqttError {
  /** @param given as a person may read it: without a password. */
  constructor(given: string) {
    super('invalid-options', `"${given}" is not a broker address such as mqtt://host:1883`);
    this.name = 'InvalidServer';
  }
}

/** The Server answered CONNECT with a refusal. */
export class ConnectionRefused extends MqttError {
  readonly reasonCode: number;
  readonly reasonString: string | undefined;

  constructor(reasonCode: number, server: string, reasonString?: string) {
    super(
      'connection-refused',
      `broker refused the connection (${describeReasonCode(reasonCode)}${quoted(reasonString)}) at ${server}`,
      { retryable: mayRetrySoon(reasonCode) },
    );
    this.name = 'ConnectionRefused';
    this.reasonCode = reasonCode;
    this.reasonString = reasonString;
  }
}

/** The peer ended the connection without an answer to CONNECT: there never was a connection to a Server. */
export class ConnectUnanswered extends MqttError {
  /** @param why what the socket said, if it said anything. */
  constructor(server: string, mqtt5: boolean, why?: Error) {
    const how = why === undefined ? '' : ` (${why.message})`;
    // Brokers of before MQTT 5 commonly hang up on a version that they do not know (3.1.1, 3.1.2.2).
    const advice = mqtt5 ? '; it may not speak MQTT 5: choose 3.1.1 or automatic' : '';
    super('connection-lost', `${server} closed the connection before it answered CONNECT${how}${advice}`, {
      cause: why,
      retryable: true,
    });
    this.name = 'ConnectUnanswered';
  }
}

/** What speaks where MQTT was expected, as its first bytes tell. */
export type OtherProtocol = 'http' | 'ssh' | 'tls';

const LISTENERS: Readonly<Record<OtherProtocol, string>> = {
  http: 'a web server',
  ssh: 'an SSH server',
  tls: 'a server that wants TLS',
};

/** What answered CONNECT is no MQTT Server, but something that is known by its first bytes. */
export class NotMqtt extends MqttError {
  readonly spoken: OtherProtocol;

  /** @param shown the first bytes, for a person. */
  constructor(server: string, spoken: OtherProtocol, shown: string) {
    const message = `${server} answered CONNECT with ${shown} instead of CONNACK: ${LISTENERS[spoken]} listens there`;
    super('not-mqtt', message, { retryable: true });
    this.name = 'NotMqtt';
    this.spoken = spoken;
  }
}

/** What answered the TLS handshake is no TLS. */
export class NotTls extends MqttError {
  /** @param why what OpenSSL said. */
  constructor(server: string, why: unknown) {
    const code = systemCodeOf(why);
    super('tls-failed', `TLS to ${server} failed: what answers there does not speak it (${code})`, { cause: why });
    this.name = 'NotTls';
  }
}

/** The peer took the connection and ended it during the TLS handshake, without a word of TLS. */
export class TlsUnanswered extends MqttError {
  /** @param why what the socket said. */
  constructor(server: string, why: unknown) {
    const message = `${server} hung up on the TLS handshake: it may not speak TLS on this port (${systemCodeOf(why)})`;
    // It may be a proxy whose Server is being started.
    super('tls-failed', message, { cause: why, retryable: true });
    this.name = 'TlsUnanswered';
  }
}

/** The Server sent DISCONNECT. */
export class ServerDisconnected extends MqttError {
  readonly reasonCode: number;

  constructor(reasonCode: number, reasonString?: string) {
    super(
      'server-disconnected',
      `broker closed the connection (${describeReasonCode(reasonCode)}${quoted(reasonString)})`,
      { retryable: mayRetrySoon(reasonCode) },
    );
    this.name = 'ServerDisconnected';
    this.reasonCode = reasonCode;
  }
}

/** The Server refused a subscription in its SUBACK. */
export class SubscriptionRefused extends MqttError {
  readonly filter: string;
  readonly reasonCode: number;

  constructor(filter: string, reasonCode: number, reasonString?: string) {
    super(
      'subscription-refused',
      `broker refused the subscription to ${filter} (${describeReasonCode(reasonCode)}${quoted(reasonString)})`,
    );
    this.name = 'SubscriptionRefused';
    this.filter = filter;
    this.reasonCode = reasonCode;
  }
}

/** The Server answered a PUBLISH with a Reason Code of 0x80 or more: it never will take this message. */
export class PublishRejected extends MqttError {
  readonly topic: string;
  readonly reasonCode: number;

  constructor(topic: string, reasonCode: number, reasonString?: string) {
    super(
      'publish-rejected',
      `broker rejected the message to ${topic} (${describeReasonCode(reasonCode)}${quoted(reasonString)})`,
    );
    this.name = 'PublishRejected';
    this.topic = topic;
    this.reasonCode = reasonCode;
  }
}

/** A packet that we would send is larger than the Server's Maximum Packet Size (3.2.2.3.6). Sizes in bytes. */
export class PacketTooLarge extends MqttError {
  readonly size: number;
  readonly limit: number;

  constructor(what: string, size: number, limit: number) {
    super('packet-too-large', `${what} takes ${size} bytes, the broker accepts at most ${limit}`);
    this.name = 'PacketTooLarge';
    this.size = size;
    this.limit = limit;
  }
}

/** The client was closed, and nobody goes on with the message. */
export class ClientClosed extends MqttError {
  constructor(message: string = 'the connection was closed') {
    super('closed', message);
    this.name = 'ClientClosed';
  }
}

/** The code that the system gave what was thrown, also to the first of several attempts; empty where it gave none. */
export function systemCodeOf(thrown: unknown): string {
  const first = thrown instanceof AggregateError ? (thrown.errors[0] as unknown) : thrown;
  return typeof first === 'object' && first !== null && 'code' in first ? String(first.code) : '';
}

/** The text of anything that was thrown. */
export function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** At most so many characters of a Server's own text get into a message of ours. */
const LONGEST_REASON_STRING = 200;

function quoted(reasonString: string | undefined): string {
  return reasonString === undefined || reasonString === '' ? '' : `: ${reasonString.slice(0, LONGEST_REASON_STRING)}`;
}
