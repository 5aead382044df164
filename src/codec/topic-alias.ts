import { protocolError } from '../protocol/errors.ts';
import type { PublishPacket } from '../protocol/packet.ts';
import { ReasonCode } from '../protocol/reason-codes.ts';

/** The Server's Topic Aliases (3.3.2.3.4); they live as long as their connection [MQTT-3.3.2-7]. */
export class InboundAliases {
  readonly #maximum: number;
  readonly #topics = new Map<number, string>();

  /** @param maximum the Topic Alias Maximum of our CONNECT; 0 accepts none [MQTT-3.1.2-27]. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /**
   * The packet with its full Topic Name.
   * @throws {ProtocolViolation} as {@link topicOf} does.
   */
  resolve(packet: PublishPacket): PublishPacket {
    const alias = packet.properties?.topicAlias;
    if (alias === undefined) return packet;
    const topic = this.topicOf(packet.topic, alias);
    return topic === packet.topic ? packet : { ...packet, topic };
  }

  /**
   * The Topic Name of a PUBLISH with this topic, which may be empty, and this alias; what it sets is remembered.
   * @throws {ProtocolViolation} 0x94 for an alias above the maximum, 0x82 for one that was never set.
   */
  topicOf(topic: string, alias: number | undefined): string {
    if (alias === undefined) return topic;
    if (alias > this.#maximum) {
      throw protocolError(
        `broker used the Topic Alias ${alias}, at most ${this.#maximum} are accepted`,
        ReasonCode.TopicAliasInvalid,
      );
    }
    if (topic !== '') this.#topics.set(alias, topic);
    const known = this.#topics.get(alias);
    if (known === undefined) throw protocolError(`broker used the Topic Alias ${alias} before it set it`);
    return known;
  }
}
