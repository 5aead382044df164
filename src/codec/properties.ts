import { malformed, protocolError, ProtocolViolation } from '../protocol/errors.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';
import type { Reader } from './reader.ts';

type PropertyType = 'flag' | 'uint16' | 'uint32' | 'varint' | 'string' | 'binary' | 'pair';

interface PropertyRule {
  readonly name: string;
  readonly type: PropertyType;
  /** Zero is a Protocol Error. */
  readonly nonZero?: true;
  /** More than once is allowed: the values are collected in order. */
  readonly repeats?: true;
}

/** The properties that a Server may send (2.2.2.2), by identifier. */
const RULES: Readonly<Record<number, PropertyRule>> = {
  0x01: { name: 'payloadFormatIndicator', type: 'flag' },
  0x02: { name: 'messageExpiryInterval', type: 'uint32' },
  0x03: { name: 'contentType', type: 'string' },
  0x08: { name: 'responseTopic', type: 'string' },
  0x09: { name: 'correlationData', type: 'binary' },
  0x0b: { name: 'subscriptionIdentifiers', type: 'varint', nonZero: true, repeats: true },
  0x11: { name: 'sessionExpiryInterval', type: 'uint32' },
  0x12: { name: 'assignedClientIdentifier', type: 'string' },
  0x13: { name: 'serverKeepAlive', type: 'uint16' },
  0x15: { name: 'authenticationMethod', type: 'string' },
  0x16: { name: 'authenticationData', type: 'binary' },
  0x1a: { name: 'responseInformation', type: 'string' },
  0x1c: { name: 'serverReference', type: 'string' },
  0x1f: { name: 'reasonString', type: 'string' },
  0x21: { name: 'receiveMaximum', type: 'uint16', nonZero: true },
  0x22: { name: 'topicAliasMaximum', type: 'uint16' },
  0x23: { name: 'topicAlias', type: 'uint16' },
  0x24: { name: 'maximumQoS', type: 'flag' },
  0x25: { name: 'retainAvailable', type: 'flag' },
  0x26: { name: 'userProperties', type: 'pair', repeats: true },
  0x27: { name: 'maximumPacketSize', type: 'uint32', nonZero: true },
  0x28: { name: 'wildcardSubscriptionAvailable', type: 'flag' },
  0x29: { name: 'subscriptionIdentifiersAvailable', type: 'flag' },
  0x2a: { name: 'sharedSubscriptionAvailable', type: 'flag' },
};

/** `maximumQoS` is 0 or 1 like the flags, but a number. */
const NUMERIC_FLAG = 'maximumQoS';

/** Which properties a Server may put into which packet (2.2.2.2; DISCONNECT without Session Expiry, 3.14.2.2.2). */
export const ALLOWED = {
  connack: identifiers(
    0x11,
    0x12,
    0x13,
    0x15,
    0x16,
    0x1a,
    0x1c,
    0x1f,
    0x21,
    0x22,
    0x24,
    0x25,
    0x26,
    0x27,
    0x28,
    0x29,
    0x2a,
  ),
  publish: identifiers(0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x23, 0x26),
  acknowledgement: identifiers(0x1f, 0x26),
  disconnect: identifiers(0x1c, 0x1f, 0x26),
  auth: identifiers(0x15, 0x16, 0x1f, 0x26),
} as const;

const TOPIC_ALIAS = 'topicAlias';

/** More than any honest packet carries; a bound for what one packet can make us allocate. */
const MOST_PROPERTIES = 10_000;

export type PropertyValues = Record<string, unknown>;

/** A packet with more properties than we take; the Topic Alias among them counts, whatever becomes of the packet. */
export class TooManyProperties extends ProtocolViolation {
  readonly topicAlias: number | undefined;
  readonly why = `it has more than ${MOST_PROPERTIES} properties`;

  constructor(topicAlias: number | undefined) {
    super('malformed-packet', ReasonCode.MalformedPacket, `a packet has more than ${MOST_PROPERTIES} properties`);
    this.topicAlias = topicAlias;
  }
}

/**
 * Reads Property Length and properties; undefined if there are none. Every rule of 2.2.2 and of the single
 * properties is kept here, because `mqtt-packet` keeps none of them.
 * @throws {ProtocolViolation} 0x81 for broken encoding, 0x82 for a property that is not allowed, repeated or out of range,
 * 0x94 for the Topic Alias 0; {@link TooManyProperties} for more than 10,000.
 */
export function readProperties(reader: Reader, allowed: ReadonlySet<number>): PropertyValues | undefined {
  const length = reader.varint();
  if (length === 0) return undefined;
  const after = reader.remaining - length;
  if (after < 0) throw malformed('Property Length runs past the end of the packet');
  const values: PropertyValues = {};
  let count = 0;
  while (reader.remaining > after) {
    if (++count > MOST_PROPERTIES) {
      throw new TooManyProperties(findTopicAlias(reader, after) ?? (values[TOPIC_ALIAS] as number | undefined));
    }
    readProperty(reader, allowed, values);
  }
  if (reader.remaining !== after) throw malformed('a property runs past the Property Length');
  return values;
}

function readProperty(reader: Reader, allowed: ReadonlySet<number>, values: PropertyValues): void {
  const identifier = reader.varint();
  const rule = RULES[identifier];
  if (rule === undefined) throw malformed(`unknown property 0x${identifier.toString(16)}`);
  if (!allowed.has(identifier)) throw protocolError(`property ${rule.name} is not allowed in this packet`);
  const value = readValue(reader, rule);
  if (rule.repeats) {
    const collected = values[rule.name] as unknown[] | undefined;
    if (collected === undefined) values[rule.name] = [value];
    else collected.push(value);
    return;
  }
  if (rule.name in values) throw protocolError(`property ${rule.name} appears twice`);
  values[rule.name] = value;
}

/** Passes over the properties that are left without making anything of them. */
function findTopicAlias(reader: Reader, after: number): number | undefined {
  let topicAlias: number | undefined;
  while (reader.remaining > after) {
    const rule = RULES[reader.varint()];
    if (rule === undefined) throw malformed('unknown property');
    if (rule.name === TOPIC_ALIAS) topicAlias = inRange(reader.uint16(), rule);
    else skipValue(reader, rule.type);
  }
  return topicAlias;
}

function skipValue(reader: Reader, type: PropertyType): void {
  switch (type) {
    case 'flag':
      return reader.skip(1);
    case 'uint16':
      return reader.skip(2);
    case 'uint32':
      return reader.skip(4);
    case 'varint':
      return void reader.varint();
    case 'string':
    case 'binary':
      return reader.skip(reader.uint16());
    case 'pair':
      reader.skip(reader.uint16());
      return reader.skip(reader.uint16());
  }
}

function readValue(reader: Reader, rule: PropertyRule): unknown {
  switch (rule.type) {
    case 'flag':
      return readFlag(reader, rule);
    case 'uint16':
      return inRange(reader.uint16(), rule);
    case 'uint32':
      return inRange(reader.uint32(), rule);
    case 'varint':
      return inRange(reader.varint(), rule);
    case 'string':
      return reader.string();
    case 'binary':
      return reader.binary();
    case 'pair':
      return [reader.string(), reader.string()] as const;
  }
}

function readFlag(reader: Reader, rule: PropertyRule): boolean | number {
  const value = reader.byte();
  if (value > 1) throw protocolError(`property ${rule.name} is ${value}, only 0 and 1 are allowed`);
  return rule.name === NUMERIC_FLAG ? value : value === 1;
}

function inRange(value: number, rule: PropertyRule): number {
  if (value !== 0) return value;
  if (rule.name === TOPIC_ALIAS) throw protocolError('the Topic Alias is 0', ReasonCode.TopicAliasInvalid);
  if (rule.nonZero) throw protocolError(`property ${rule.name} is 0`);
  return value;
}

function identifiers(...list: number[]): ReadonlySet<number> {
  return new Set(list);
}
