import { MqttError, PublishRejected, textOf } from '../protocol/errors.ts';
import { type Message, payloadBytes } from '../protocol/packet.ts';
import { mayHaveLeft, type OutgoingMessage } from './outgoing-message.ts';
import type { SendLimits } from './send-window.ts';
import type { WhenFull } from './giving-way.ts';

// Why a message was not delivered, or is not known to be: what its sender is told.

/** [MQTT-3.2.2-11], [MQTT-3.2.2-14]: what this Server said it does not take is never sent to it. */
export function notAllowed(
  { topic, qos, retain }: Message,
  { maximumQoS, retainAvailable }: SendLimits,
): MqttError | undefined {
  if (qos > maximumQoS) {
    const problem = `the broker accepts at most QoS ${maximumQoS}, the message to ${topic} has QoS ${qos}`;
    return new MqttError('not-supported', problem);
  }
  if (retain && !retainAvailable) {
    return new MqttError('not-supported', `the broker keeps no retained messages, the one to ${topic} is retained`);
  }
  return undefined;
}

/** What a listener throws is told to a person. @param topic of the message; undefined: not known. */
export function listenerFailed(thrown: unknown, topic?: string): MqttError {
  const which = topic === undefined ? 'a message' : `the message to ${topic}`;
  const text = `whoever was told the outcome of ${which} failed: ${textOf(thrown)}`;
  return new MqttError('invalid-message', text, { cause: thrown });
}

export function hungUpOnQos2({ topic }: Message): MqttError {
  const problem = `the broker hung up on the last QoS 2 messages, the one to ${topic} is not sent: choose QoS 1`;
  return new MqttError('not-supported', problem);
}

export function setAside({ topic, qos, payload }: Message, hangUps: number, lastWords?: MqttError): MqttError {
  const words = lastWords === undefined ? '' : ` (${lastWords.message})`;
  const why = `the connection ended ${hangUps} times right behind it${words}`;
  const advice =
    qos === 2 ? 'may not take QoS 2: try QoS 1' : 'may not take a message of this size, or to this topic: see its log';
  const text = `the message to ${topic} (QoS ${qos}, ${payloadBytes(payload)} bytes) was set aside: ${why}; this broker ${advice}`;
  return new MqttError('message-set-aside', text, { cause: lastWords });
}

export function rejection(
  entry: OutgoingMessage,
  reasonCode: number,
  reasonString: string | undefined,
): Error | undefined {
  return reasonCode < 0x80 ? undefined : new PublishRejected(entry.message.topic, reasonCode, reasonString);
}

/** Sent again it might come twice, told as done it might never have come. */
export function outcomeUnknown({ topic }: Message): MqttError {
  const text = `nobody knows whether the message to ${topic} arrived: the broker may have lost the session meanwhile`;
  return new MqttError('outcome-unknown', text);
}

export function expired(entry: OutgoingMessage): Error {
  const { message, acceptedAt, expiresAt = acceptedAt } = entry;
  const seconds = Math.round((expiresAt - acceptedAt) / 1000);
  return new MqttError('expired', `the message to ${message.topic} expired after ${seconds} s ${fateOf(entry)}`);
}

function fateOf(entry: OutgoingMessage): string {
  if (!mayHaveLeft(entry)) return 'before it could be sent';
  return 'before the broker acknowledged it: it may have it';
}

export function discarded(entry: OutgoingMessage): Error {
  const { topic } = entry.message;
  const fate = mayHaveLeft(entry) ? ': the broker may have it' : '';
  return new MqttError('dropped', `the message to ${topic} was discarded by a person${fate}`);
}

export function gaveWay({ topic }: Message, whenFull: WhenFull): Error {
  const why =
    whenFull === 'keep-latest' ? 'a later one to its topic takes its place' : 'the oldest give way to newer ones';
  return new MqttError('dropped', `the message to ${topic} was dropped: the outbox was full, and ${why}`);
}
