import { MqttError, type PublishRequest, type SettledBy } from '../../src/index.ts';
import type { EarlyMessage } from './early-messages.ts';
import type { SharedConnection } from './shared-connection.ts';
import { type OutDefaults, type OutgoingMsg, toRequest } from '../common/message.ts';

type Done = (error?: Error) => void;

/** What an mqtt-out says for all its messages. */
export interface OwnSettings {
  readonly defaults: OutDefaults;
  readonly settledBy: SettledBy;
}

/**
 * Publishes a message of a flow. `done` is called once: when the broker has it, or where the node says so, when it is
 * stored; or with why it never will.
 */
export function publishMsg(connection: SharedConnection, msg: OutgoingMsg, own: OwnSettings, done: Done): void {
  // A message without a payload is a signal for somebody else, as in Node-RED's own node.
  if (!Object.hasOwn(msg, 'payload')) return done();
  // What it may hold depends on the version, which the client knows.
  if (connection.isOpening) return connection.whenOpen(early(connection, msg, own, done));
  let request: PublishRequest;
  try {
    const { mqtt5 } = connection;
    if (mqtt5) checkTopicAlias(connection, msg.topicAlias);
    request = toRequest(msg, own.defaults, mqtt5);
  } catch (error) {
    // A wrong alias, or a payload that has no JSON, such as an object that contains itself.
    return done(error instanceof Error ? error : new Error(String(error)));
  }
  connection.publish(request, done, own.settledBy);
}

/** The flow may use its Buffer again. */
function early(connection: SharedConnection, msg: OutgoingMsg, own: OwnSettings, done: Done): EarlyMessage {
  const { payload } = msg;
  const kept = { ...msg, payload: Buffer.isBuffer(payload) ? Buffer.from(payload) : payload };
  const bytes = Buffer.isBuffer(payload) || typeof payload === 'string' ? Buffer.byteLength(payload) : 0;
  const topic = [own.defaults.topic, msg.topic].find((one): one is string => typeof one === 'string' && one !== '');
  return { topic: topic ?? '', bytes, publish: () => publishMsg(connection, kept, own, done), done };
}

/** The client chooses aliases itself, they only shorten packets; but one out of range is a mistake of the flow. */
function checkTopicAlias({ connack }: SharedConnection, value: unknown): void {
  if (connack === undefined || (typeof value !== 'number' && typeof value !== 'string') || value === '') return;
  const alias = Math.trunc(Number(value));
  const highest = connack.properties.topicAliasMaximum ?? 0;
  if (alias < 1 || alias > highest) throw new MqttError('invalid-message', 'Invalid topicAlias');
}
