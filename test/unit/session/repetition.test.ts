import assert from 'node:assert/strict';
import type { PacketId, PublishPacket } from '../../../src/protocol/packet.ts';
import { fingerprintOf, graver, isRepetition } from '../../../src/session/repetition.ts';

/** A QoS 2 packet with a payload of this many bytes, of which one is changed; -1: none. */
function packet(length: number, changed = -1, topic = 'a/b', qos: 1 | 2 = 2, dup = false): PublishPacket {
  const payload = Buffer.alloc(length, 65);
  if (changed >= 0) payload[changed] = 66;
  return { cmd: 'publish', topic, payload, qos, dup, retain: false, packetId: 1 as PacketId, properties: undefined };
}

describe('The fingerprint of a message', () => {
  it('is the same for the same content', () => assert.equal(fingerprintOf(packet(300)), fingerprintOf(packet(300))));

  it('is another one wherever the payload differs, and for another length', () => {
    const all = [-1, 0, 63, 64, 150, 236, 299].map((changed) => fingerprintOf(packet(300, changed)));
    assert.equal(new Set([...all, fingerprintOf(packet(299))]).size, 8);
  });

  it('is another one for another topic, also where topic and payload read the same', () => {
    const topics = ['AA', 'AAA', 'B'].map((topic, index) => fingerprintOf(packet(3 - Math.min(index, 1), -1, topic)));
    assert.equal(new Set(topics).size, 3);
  });
});

describe('The fingerprint of a message with properties', () => {
  const withProperties = (properties: PublishPacket['properties']): number =>
    fingerprintOf({ ...packet(3), properties });

  it('is another one for each that the publisher gave', () => {
    const all = [
      {},
      { correlationData: Buffer.from('1') },
      { correlationData: Buffer.from('2') },
      { contentType: 'a' },
      { responseTopic: 'a' },
      { userProperties: [['a', 'b']] as const },
      { userProperties: [['b', 'a']] as const },
    ];
    assert.equal(new Set(all.map(withProperties)).size, all.length);
  });

  it('is the same whatever the Server adds, or counts down', () => {
    const plain = fingerprintOf(packet(3));
    for (const properties of [{}, { subscriptionIdentifiers: [5] }, { messageExpiryInterval: 9 }]) {
      assert.equal(withProperties(properties), plain);
    }
  });
});

describe('A packet under a doubted id', () => {
  const known = fingerprintOf(packet(3));

  it('is the message once more in an older session where it says the same, with DUP or without', () => {
    for (const dup of [true, false]) {
      assert.equal(isRepetition('older', known, packet(3, -1, 'a/b', 2, dup)), true);
      assert.equal(isRepetition('older', known, packet(3, 1, 'a/b', 2, dup)), false);
      assert.equal(isRepetition('older', known, packet(3, -1, 'a/c', 2, dup)), false);
    }
  });

  it('needs DUP besides where the session may be another: ids begin anew there', () => {
    assert.equal(isRepetition('another', known, packet(3)), false);
    assert.equal(isRepetition('another', known, packet(3, -1, 'a/b', 2, true)), true);
    assert.equal(isRepetition('another', known, packet(3, 1, 'a/b', 2, true)), false);
  });

  it('is told by DUP alone where the content of before is not known, and is none at QoS 1', () => {
    for (const doubt of ['older', 'another'] as const) {
      assert.equal(isRepetition(doubt, undefined, packet(3)), false);
      assert.equal(isRepetition(doubt, undefined, packet(3, -1, 'a/b', 2, true)), true);
      assert.equal(isRepetition(doubt, known, packet(3, -1, 'a/b', 1, true)), false);
    }
  });

  it('of two doubts the graver one holds', () => {
    assert.equal(graver(undefined, 'older'), 'older');
    assert.equal(graver('older', 'another'), 'another');
    assert.equal(graver('another', 'older'), 'another');
  });
});
