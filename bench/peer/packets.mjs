// The few packets of MQTT 5 that the peer writes, as bytes.

/** Success, no session, nothing limited, and whether Subscription Identifiers are available. */
export function connack(subscriptionIds) {
  return Buffer.from([0x20, 5, 0, 0, 2, 0x29, subscriptionIds ? 1 : 0]);
}

export const PINGRESP = Buffer.from([0xd0, 0]);

/** @param {number} packetId @param {number[]} codes one for each topic filter */
export function suback(packetId, codes) {
  return Buffer.concat([
    Buffer.from([0x90]),
    variableByteInteger(3 + codes.length),
    Buffer.from([packetId >> 8, packetId & 0xff, 0, ...codes]),
  ]);
}

/**
 * PUBLISH packets one after the other, the topics in turn, the packet ids (QoS 1) in a circle.
 *
 * @param {{ topics: string[], qos: 0 | 1, count: number, payload: { kind: string, bytes: number } }} what
 * @param {Map<string, number | undefined>} subscriptionIds by topic filter; sent where there is one
 */
export function publishes({ topics, qos, count, payload: { kind, bytes: size } }, subscriptionIds) {
  const payload = kind === 'json' ? json(size) : Buffer.alloc(size, 'x');
  const packets = topics.map((topic) => publish(topic, qos, payload, subscriptionIds.get(topic)));
  const bytes = Buffer.concat(Array.from({ length: count }, (_, index) => packets[index % packets.length]));
  if (qos > 0) {
    numberPackets(bytes, packets, topics, count);
  }
  return bytes;
}

/** A list of readings, as long as asked for. */
function json(size) {
  const reading = '{"sensor":"kitchen/temperature","value":21.375,"unit":"°C","at":1790000000000,"ok":true},';
  const bytes = Buffer.from(`[${reading.repeat(Math.floor((size - 2) / Buffer.byteLength(reading)))}0]`);
  return Buffer.concat([bytes, Buffer.alloc(size - bytes.length, ' ')]);
}

function publish(topic, qos, payload, subscriptionId) {
  const properties = subscriptionId === undefined ? Buffer.alloc(0) : subscriptionIdProperty(subscriptionId);
  const body = Buffer.concat([
    lengthPrefixed(topic),
    Buffer.alloc(qos > 0 ? 2 : 0), // the packet id, written later
    variableByteInteger(properties.length),
    properties,
    payload,
  ]);
  return Buffer.concat([Buffer.from([0x30 | (qos << 1)]), variableByteInteger(body.length), body]);
}

function numberPackets(bytes, packets, topics, count) {
  let start = 0;
  for (let index = 0; index < count; index += 1) {
    const packet = packets[index % packets.length];
    const lengthBytes = variableByteInteger(bytesBehindLength(packet)).length;
    bytes.writeUInt16BE(1 + (index % 65_535), start + 1 + lengthBytes + 2 + topics[index % topics.length].length);
    start += packet.length;
  }
}

/** The Remaining Length as it stands in the packet. */
function bytesBehindLength(packet) {
  let length = 0;
  for (let index = 1, shift = 0; ; index += 1, shift += 7) {
    length |= (packet[index] & 0x7f) << shift;
    if (packet[index] < 0x80) return length;
  }
}

function subscriptionIdProperty(id) {
  return Buffer.concat([Buffer.from([0x0b]), variableByteInteger(id)]);
}

function lengthPrefixed(text) {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function variableByteInteger(value) {
  const bytes = [];
  let rest = value;
  do {
    const digit = rest & 0x7f;
    rest >>= 7;
    bytes.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return Buffer.from(bytes);
}
