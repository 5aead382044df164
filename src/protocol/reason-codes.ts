/** Reason Codes that this client sends or treats specially (MQTT 5.0, section 2.4). */
export const ReasonCode = {
  Success: 0x00,
  NoMatchingSubscribers: 0x10,
  UnspecifiedError: 0x80,
  MalformedPacket: 0x81,
  ProtocolError: 0x82,
  UnsupportedProtocolVersion: 0x84,
  BadUserNameOrPassword: 0x86,
  NotAuthorized: 0x87,
  SessionTakenOver: 0x8e,
  PacketIdentifierNotFound: 0x92,
  ReceiveMaximumExceeded: 0x93,
  TopicAliasInvalid: 0x94,
  PacketTooLarge: 0x95,
} as const;

/** With which a receiver may refuse a message (3.4.2.1, 3.5.2.1); the other codes of an error tell something else. */
const REFUSALS: ReadonlySet<number> = new Set([0x80, 0x83, 0x87, 0x90, 0x97, 0x99]);

/** Whether a receiver may refuse a message with this code. */
export function isRefusal(code: number): boolean {
  return REFUSALS.has(code);
}

const NAMES: Readonly<Record<number, string>> = {
  0x00: 'Success',
  0x01: 'Granted QoS 1',
  0x02: 'Granted QoS 2',
  0x04: 'Disconnect with Will Message',
  0x10: 'No matching subscribers',
  0x11: 'No subscription existed',
  0x18: 'Continue authentication',
  0x19: 'Re-authenticate',
  0x80: 'Unspecified error',
  0x81: 'Malformed Packet',
  0x82: 'Protocol Error',
  0x83: 'Implementation specific error',
  0x84: 'Unsupported Protocol Version',
  0x85: 'Client Identifier not valid',
  0x86: 'Bad User Name or Password',
  0x87: 'Not authorized',
  0x88: 'Server unavailable',
  0x89: 'Server busy',
  0x8a: 'Banned',
  0x8b: 'Server shutting down',
  0x8c: 'Bad authentication method',
  0x8d: 'Keep Alive timeout',
  0x8e: 'Session taken over',
  0x8f: 'Topic Filter invalid',
  0x90: 'Topic Name invalid',
  0x91: 'Packet Identifier in use',
  0x92: 'Packet Identifier not found',
  0x93: 'Receive Maximum exceeded',
  0x94: 'Topic Alias invalid',
  0x95: 'Packet too large',
  0x96: 'Message rate too high',
  0x97: 'Quota exceeded',
  0x98: 'Administrative action',
  0x99: 'Payload format invalid',
  0x9a: 'Retain not supported',
  0x9b: 'QoS not supported',
  0x9c: 'Use another server',
  0x9d: 'Server moved',
  0x9e: 'Shared Subscriptions not supported',
  0x9f: 'Connection rate exceeded',
  0xa0: 'Maximum connect time',
  0xa1: 'Subscription Identifiers not supported',
  0xa2: 'Wildcard Subscriptions not supported',
};

/** `0x87 Not authorized`: how every message of this package writes a Reason Code. */
export function describeReasonCode(code: number): string {
  const hex = `0x${code.toString(16).padStart(2, '0')}`;
  const name = NAMES[code];
  return name === undefined ? hex : `${hex} ${name}`;
}

/** CONNACK return codes of MQTT 3.1 and 3.1.1 (section 3.2.2.3) as the Reason Codes that MQTT 5.0 gave them. */
const RETURN_CODES: Readonly<Record<number, number>> = { 0: 0x00, 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87 };

/** The Reason Code for a CONNACK return code, or undefined where the specification defines none. */
export function reasonCodeOfReturnCode(returnCode: number): number | undefined {
  return RETURN_CODES[returnCode];
}

/** Reason Codes with which a Server says that trying again soon cannot help: a person must change something. */
const CONFIGURATION_ERRORS: ReadonlySet<number> = new Set([
  0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c, 0x8e, 0x90, 0x95, 0x99, 0x9a, 0x9b, 0x9c, 0x9d,
]);

/** False where the Server's reason asks for a person, or where an early retry would start a fight (0x8E). */
export function mayRetrySoon(reasonCode: number): boolean {
  return !CONFIGURATION_ERRORS.has(reasonCode);
}
