import { MqttError } from '../protocol/errors.ts';
import type { Message } from '../protocol/packet.ts';
import type { Outgoing } from '../session/outgoing.ts';
import { sizeOf } from '../session/outgoing-message.ts';
import type { OutboxLimits } from './options.ts';
import type { ClientState } from './state.ts';

/** Why a message is not accepted now, or undefined if it is. */
export function whyRefused(
  message: Message,
  waiting: Outgoing,
  limits: OutboxLimits,
  state: ClientState,
): MqttError | undefined {
  if (message.qos === 0) {
    const reason = whyOffline(state);
    if (reason !== undefined) {
      return new MqttError('offline', `not sent to ${message.topic}, because QoS 0 does not wait: ${reason}`, {
        retryable: true,
      });
    }
  }
  if (waiting.count >= limits.maxMessages) return full(message, `${waiting.count} messages are waiting`);
  if (waiting.bytes + sizeOf(message) > limits.maxBytes) return full(message, `${waiting.bytes} bytes are waiting`);
  return undefined;
}

/** An attempt under way is waited for: its end settles the message either way. */
function whyOffline(state: ClientState): string | undefined {
  switch (state.phase) {
    case 'connecting':
    case 'connected':
      return undefined;
    case 'waiting':
      return state.cause.message;
    case 'idle':
    case 'closing':
    case 'closed':
      return 'not connected';
  }
}

function full({ topic }: Message, what: string): MqttError {
  return new MqttError('outbox-full', `not accepted for ${topic}: the outbox is full (${what})`, { retryable: true });
}
