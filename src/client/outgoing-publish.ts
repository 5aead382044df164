import type { MessageProperties, OutgoingPublish } from '../protocol/packet.ts';
import type { NextPacket, OutgoingMessage } from '../session/outgoing-message.ts';

/** The packet for a message that the session wants sent now; `now` is `Clock.now`. */
export function publishPacket(next: Extract<NextPacket, { cmd: 'publish' }>, now: number): OutgoingPublish {
  const { entry, packetId, dup } = next;
  const { topic, payload, qos, retain } = entry.message;
  return { cmd: 'publish', topic, payload, qos, retain, dup, packetId, properties: currentProperties(entry, now) };
}

/** The Message Expiry Interval counts down while a message waits (3.3.2.3.3). */
function currentProperties({ message, expiresAt }: OutgoingMessage, now: number): MessageProperties | undefined {
  if (expiresAt === undefined || message.properties?.messageExpiryInterval === undefined) return message.properties;
  const seconds = Math.max(1, Math.ceil((expiresAt - now) / 1000));
  return { ...message.properties, messageExpiryInterval: seconds };
}
