import type { ServerLimits } from '../connection/server-limits.ts';
import { MqttError } from '../protocol/errors.ts';
import type { MessageProperties, PublishPacket } from '../protocol/packet.ts';
import type { NextPacket, Outgoing } from '../session/outgoing.ts';

/** The packet for a message that the session wants sent now. */
export function publishPacket({ entry, packetId, dup }: Extract<NextPacket, { cmd: 'publish' }>): PublishPacket {
  const { topic, payload, qos, retain } = entry.message;
  return { cmd: 'publish', topic, payload, qos, retain, dup, packetId, properties: currentProperties(entry) };
}

/** The Message Expiry Interval counts down while a message waits (3.3.2.3.3). */
function currentProperties({ message, expiresAt }: Outgoing): MessageProperties | undefined {
  if (expiresAt === undefined) return message.properties;
  const seconds = Math.max(1, Math.ceil((expiresAt - Date.now()) / 1000));
  return { ...message.properties, messageExpiryInterval: seconds };
}

/** [MQTT-3.2.2-11] and [MQTT-3.2.2-14]: what this Server said it does not take is never sent to it. */
export function whyNotAllowed({ message }: Outgoing, limits: ServerLimits): MqttError | undefined {
  if (message.qos > limits.maximumQoS) {
    const problem = `the broker accepts at most QoS ${limits.maximumQoS}, the message to ${message.topic} has QoS ${message.qos}`;
    return new MqttError('not-supported', problem);
  }
  if (message.retain && !limits.retainAvailable) {
    return new MqttError(
      'not-supported',
      `the broker keeps no retained messages, the one to ${message.topic} is retained`,
    );
  }
  return undefined;
}
