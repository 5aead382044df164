import assert from 'node:assert/strict';
import { InboundAliases } from '../../../src/codec/topic-alias.ts';
import { ProtocolViolation } from '../../../src/protocol/errors.ts';
import type { PacketId, PublishPacket, QoS } from '../../../src/protocol/packet.ts';

function packet(topic: string, topicAlias: number | undefined, qos: QoS = 0): PublishPacket {
  const properties = topicAlias === undefined ? undefined : { topicAlias };
  const packetId = qos === 0 ? undefined : (1 as PacketId);
  return { cmd: 'publish', topic, payload: Buffer.alloc(0), qos, retain: false, dup: false, packetId, properties };
}

function refused(aliases: InboundAliases, given: PublishPacket, reasonCode: number): void {
  assert.throws(
    () => aliases.resolve(given),
    (error) => error instanceof ProtocolViolation && error.reasonCode === reasonCode,
  );
}

describe('InboundAliases', () => {
  it('leaves a packet without an alias alone', () => {
    const given = packet('a', undefined);
    assert.equal(new InboundAliases(0).resolve(given), given);
  });

  it('accepts every alias from 1 to the maximum [MQTT-3.3.2-10]', () => {
    const aliases = new InboundAliases(65_535);
    for (const alias of [1, 2, 255, 256, 65_535]) aliases.resolve(packet(`topic/${alias}`, alias));
    for (const alias of [65_535, 256, 255, 2, 1]) {
      assert.equal(aliases.resolve(packet('', alias)).topic, `topic/${alias}`);
    }
  });

  for (const qos of [0, 1, 2] as const) {
    it(`gives a QoS ${qos} message with an empty topic its full one`, () => {
      const aliases = new InboundAliases(1);
      aliases.resolve(packet('a/b', 1));
      assert.deepEqual(aliases.resolve(packet('', 1, qos)), packet('a/b', 1, qos));
    });
  }

  it('takes a new topic for an alias that is in use', () => {
    const aliases = new InboundAliases(1);
    aliases.resolve(packet('old', 1));
    aliases.resolve(packet('new', 1));
    assert.equal(aliases.resolve(packet('', 1)).topic, 'new');
  });

  it('refuses an alias above the maximum with 0x94 [MQTT-3.1.2-26]', () => {
    refused(new InboundAliases(5), packet('a', 6), 0x94);
  });

  it('refuses every alias when none was allowed [MQTT-3.1.2-27]', () => {
    refused(new InboundAliases(0), packet('a', 1), 0x94);
  });

  it('refuses an alias that was never set with 0x82 [MQTT-3.3.2.3.4]', () =>
    refused(new InboundAliases(5), packet('', 5), 0x82));

  it('knows nothing of the aliases of another connection [MQTT-3.3.2-7]', () => {
    new InboundAliases(5).resolve(packet('a', 1));
    refused(new InboundAliases(5), packet('', 1), 0x82);
  });
});
