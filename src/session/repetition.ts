import type { PublishPacket, PublishProperties } from '../protocol/packet.ts';
import { crc32, crc32OfText } from '../util/crc32.ts';

/** A number that two messages with the same content have in common, and two others hardly ever. */
export function fingerprintOf({ topic, payload, properties }: PublishPacket): number {
  const content = crc32(payload, crc32OfText(topic) ^ topic.length);
  return properties === undefined ? content : fingerprintOfProperties(properties, content);
}

/** Of what the publisher gave, which the Server hands on as it is (3.3.2.3); how long it is valid changes on the way. */
function fingerprintOfProperties(properties: PublishProperties, content: number): number {
  const { correlationData, contentType, responseTopic, userProperties } = properties;
  const texts = [contentType, responseTopic, userProperties];
  const withData = correlationData === undefined ? content : crc32(correlationData, content);
  if (texts.every((given) => given === undefined)) return withData;
  return crc32(Buffer.from(JSON.stringify(texts)), withData);
}

/** Why an id may be another message's than the one that is known by it: the session is ours of some time ago, or another one. */
export type IdDoubt = 'older' | 'another';

/** Of two doubts the one that holds: another session is more than an older one. */
export function graver(before: IdDoubt | undefined, doubt: IdDoubt): IdDoubt {
  return before === 'another' ? before : doubt;
}

/**
 * Whether a QoS 2 packet is the message with this fingerprint once more, in a session that is doubted. In another session
 * ids begin anew, and the same content may be another message: DUP has to say that it is none. In an older one of ours the
 * content tells, for some Servers forget DUP. Of what is stored without a fingerprint DUP tells.
 */
export function isRepetition(doubt: IdDoubt, fingerprint: number | undefined, packet: PublishPacket): boolean {
  if (packet.qos !== 2) return false;
  if (fingerprint === undefined) return packet.dup;
  return (packet.dup || doubt === 'older') && fingerprint === fingerprintOf(packet);
}
