import { MqttError } from '../protocol/errors.ts';
import type { Message } from '../protocol/packet.ts';
import type { Outgoing } from '../session/outgoing.ts';
import type { WhenFull } from '../session/giving-way.ts';
import { sizeOf } from '../store/message-size.ts';
import type { Clock } from '../util/clock.ts';
import type { ClientState } from './state.ts';

/** What waits for the Server: how much, how long, and what becomes of the rest. */
export interface OutboxOptions {
  /** Messages at most, those under way included. Default 100,000. */
  readonly maxMessages: number;
  /** Bytes of topics, payloads and properties. Default 100 MiB. */
  readonly maxBytes: number;
  /** What gives way when there are as many: `refuse`: nothing, the new message is refused. Default `refuse`. */
  readonly whenFull: WhenFull;
  /** Seconds that a message without a Message Expiry Interval waits to be sent. Default: without an end. */
  readonly longestWait: number | undefined;
  /** Whether messages at QoS 0 wait while there is no connection; without it they fail. Default false. */
  readonly qos0Waits: boolean;
}

/** Why a message is not accepted now, or undefined if it is; for it others may give way, whose senders are told. */
export function whyRefused(
  message: Message,
  waiting: Outgoing,
  options: OutboxOptions,
  state: ClientState,
  clock: Clock,
): MqttError | undefined {
  const offline = message.qos === 0 && !options.qos0Waits ? whyOffline(state) : undefined;
  if (offline !== undefined) {
    const text = `not sent to ${message.topic}, because QoS 0 does not wait: ${offline}`;
    return new MqttError('offline', text, { retryable: true });
  }
  if (!isFullFor(message, waiting, options)) return undefined;
  waiting.dropExpired(clock.now());
  if (!isFullFor(message, waiting, options)) return undefined;
  // What does not wait itself, and may fail in a moment, is in nobody's way.
  const waits = message.qos > 0 || options.qos0Waits;
  if (!waits) return full(message, waiting, options);
  const count = waiting.count + 1 - options.maxMessages;
  const bytes = waiting.bytes + sizeOf(message) - options.maxBytes;
  waiting.makeWay(message.topic, Math.max(0, count), Math.max(0, bytes));
  return isFullFor(message, waiting, options) ? full(message, waiting, options) : undefined;
}

function isFullFor(message: Message, { count, bytes }: Outgoing, { maxMessages, maxBytes }: OutboxOptions): boolean {
  return count >= maxMessages || bytes + sizeOf(message) > maxBytes;
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

function full({ topic }: Message, { count, bytes }: Outgoing, { maxMessages }: OutboxOptions): MqttError {
  const what = count >= maxMessages ? `${count} messages are waiting` : `${bytes} bytes are waiting`;
  return new MqttError('outbox-full', `not accepted for ${topic}: the outbox is full (${what})`, { retryable: true });
}
