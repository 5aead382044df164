import {
  type ClientOptions,
  parseTopicName,
  type PublishRequest,
  textOf,
  type TlsOptions,
  type WillRequest,
} from '../../src/index.ts';
import { isSecureUrl } from './broker-address.ts';
import { filled, flag, HIGHEST_UINT32, payloadOf, propertiesOf, qosOf, userPropertiesOf, whole } from './stored.ts';

/** Fields of an `mqtt-connection` besides those of its three messages: Node-RED's own `mqtt-broker`'s, and ours. */
export const CONNECTION_FIELDS = [
  'broker',
  'port',
  /** A whole URL, in place of broker, port and usetls. */
  'url',
  'usetls',
  /** Ours, in place of core's `verifyservercert`, whose stored `false` nobody ever chose. */
  'verifyCertificate',
  'clientid',
  'autoConnect',
  'compatmode',
  'protocolVersion',
  'keepalive',
  /** Seconds. */
  'connectTimeout',
  'cleansession',
  'autoUnsubscribe',
  'sessionExpiry',
  'userProps',
  'maximumPacketSize',
  'receiveMaximum',
  'topicAliasMaximum',
  'maxMessages',
  /** MiB. */
  'maxBytes',
  'maximumInflight',
  /** `refuse` (default), `drop-oldest`, or `keep-latest`. */
  'whenFull',
  /** Seconds. */
  'longestWait',
  'qos0Waits',
  /** `disk` (default), `fsync`: on disk, also across a power cut, or `memory`. */
  'sessionStore',
] as const;

export const ANNOUNCEMENTS = ['birth', 'close', 'will'] as const;

type Announcement = (typeof ANNOUNCEMENTS)[number];
type AnnouncementField = `${Announcement}${'Topic' | 'Qos' | 'Retain' | 'Payload' | 'Msg'}`;

/** An `mqtt-connection` as flows store it; any field may be missing, or hold anything. */
export type StoredConnection = Readonly<
  Partial<Record<(typeof CONNECTION_FIELDS)[number] | AnnouncementField, unknown>>
>;

/** What does not come from the stored fields. */
export interface ConnectionExtras {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  /** In place of an empty client id. */
  readonly generatedClientId: string;
  /** Milliseconds between attempts at most: the setting `mqttReconnectTime`. */
  readonly reconnectTime?: number | undefined;
}

const MEBIBYTE = 1024 * 1024;
const WHEN_FULL = ['drop-oldest', 'keep-latest'] as const;

/** Stored fields as options of the engine. What core takes silently, this takes silently; the engine checks the rest. */
export function connectionOptions(stored: StoredConnection, extras: ConnectionExtras): ClientOptions {
  const { tls, reconnectTime } = extras;
  const { username, password } = { ...extras, ...loginInUrl(brokerUrl(stored)) };
  const clientId = filled(stored.clientid);
  const sessionExpiryInterval = whole(stored.sessionExpiry, 0, HIGHEST_UINT32);
  const userProperties = userPropertiesOf(stored.userProps);
  const birth = whyNotPublishable(stored, 'birth') === undefined ? announcement(stored, 'birth') : undefined;
  const closing = whyNotPublishable(stored, 'close') === undefined ? announcement(stored, 'close') : undefined;
  const will = announcement(stored, 'will');
  return {
    server: brokerUrl(stored),
    protocolVersion: protocolVersion(stored),
    clientId: clientId ?? extras.generatedClientId,
    // Without a client id of its own there is no session that could be found again.
    cleanStart: clientId === undefined || flag(stored.cleansession, true),
    keepAlive: whole(stored.keepalive, 0, 65_535) ?? 60,
    ...(sessionExpiryInterval !== undefined && { sessionExpiryInterval }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(userProperties !== undefined && { userProperties }),
    ...(birth !== undefined && { birth }),
    ...(closing !== undefined && { closing }),
    ...(will !== undefined && { will }),
    ...optional('receiveMaximum', whole(stored.receiveMaximum, 1, 65_535)),
    ...optional('maximumPacketSize', whole(stored.maximumPacketSize, 16, 268_435_460)),
    ...optional('topicAliasMaximum', whole(stored.topicAliasMaximum, 0, 65_535)),
    ...optional('connectTimeout', milliseconds(whole(stored.connectTimeout, 1, 3600))),
    ...optional('maximumInflight', whole(stored.maximumInflight, 1, 65_535)),
    tls: { ...tls, rejectUnauthorized: tls?.rejectUnauthorized ?? flag(stored.verifyCertificate, true) },
    outbox: {
      ...optional('maxMessages', whole(stored.maxMessages, 1, Number.MAX_SAFE_INTEGER)),
      ...optional('maxBytes', mebibytes(stored.maxBytes)),
      ...optional('whenFull', oneOf(WHEN_FULL, stored.whenFull)),
      ...optional('longestWait', whole(stored.longestWait, 1, HIGHEST_UINT32)),
      ...(flag(stored.qos0Waits, false) && { qos0Waits: true }),
    },
    ...(reconnectTime !== undefined && {
      backoff: { initial: Math.min(1000, reconnectTime), maximum: reconnectTime },
    }),
  };
}

/** The address as a URL: a URL as it is; a host with its port, `mqtts` where TLS is ticked. */
export function brokerUrl(stored: StoredConnection): string {
  const url = filled(stored.url);
  if (url !== undefined) return url;
  const broker = filled(stored.broker)?.trim() ?? '';
  if (broker.includes('://')) return broker;
  const scheme = flag(stored.usetls, false) ? 'mqtts' : 'mqtt';
  // Without a host the port says nothing either, as in Node-RED's own nodes.
  if (broker === '') return `${scheme}://localhost:1883`;
  const host = broker.includes(':') && !broker.startsWith('[') ? `[${broker}]` : broker;
  const port = whole(stored.port, 1, 65_535) ?? 1883;
  return `${scheme}://${host}:${port}`;
}

/** What of the stored fields cannot be used and is left out; for a person to read. */
export function problemsOf(stored: StoredConnection): string[] {
  const problems = (['birth', 'close'] as const).flatMap((kind) => {
    const problem = whyNotPublishable(stored, kind);
    return problem === undefined ? [] : [`the ${kind} message is not sent: ${problem}`];
  });
  if (filled(stored.clientid) === undefined && !flag(stored.cleansession, true)) {
    problems.push('Client ID is missing: the session starts clean, because without one it could not be found again');
  }
  return problems;
}

/** Why the topic of the message is none; the connection can do without the message. */
function whyNotPublishable(stored: StoredConnection, kind: 'birth' | 'close'): string | undefined {
  const topic = filled(stored[`${kind}Topic`]);
  if (topic === undefined) return undefined;
  try {
    parseTopicName(topic);
    return undefined;
  } catch (error) {
    return textOf(error);
  }
}

/** User name and password of a URL such as `mqtt://user:password@host`; they count more than the credentials. */
function loginInUrl(url: string): { username?: string; password?: string } {
  if (!URL.canParse(url)) return {};
  const { username, password } = new URL(url);
  return {
    ...(username !== '' && { username: unescaped(username) }),
    ...(password !== '' && { password: unescaped(password) }),
  };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that escapes nothing is one.
    return text;
  }
}

/** Whether the connection is encrypted: by the tick, or by its URL. */
export function isSecure(stored: StoredConnection): boolean {
  return isSecureUrl(brokerUrl(stored));
}

function protocolVersion(stored: StoredConnection): NonNullable<ClientOptions['protocolVersion']> {
  if (flag(stored.compatmode, false)) return 3;
  if (stored.protocolVersion === 'auto') return 'auto';
  return (whole(stored.protocolVersion, 3, 5) as 3 | 4 | 5 | undefined) ?? 4;
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}

/** Zero would refuse everything; no limit at all would be no limit on memory. */
/** Anything else is as if nothing was chosen. */
function oneOf<T extends string>(choices: readonly T[], value: unknown): T | undefined {
  return choices.find((choice) => choice === value);
}

function mebibytes(value: unknown): number | undefined {
  const number = typeof value === 'number' || typeof value === 'string' ? Number(value) : 0;
  const bytes = Math.min(Math.floor(number * MEBIBYTE), Number.MAX_SAFE_INTEGER);
  return bytes >= 1 ? bytes : undefined;
}

/** The birth, close or will message, if its topic is set. */
function announcement(stored: StoredConnection, kind: Announcement): WillRequest | undefined {
  const topic = filled(stored[`${kind}Topic`]);
  if (topic === undefined) return undefined;
  const properties = stored[`${kind}Msg`];
  const request: PublishRequest = {
    topic,
    payload: payloadOf(stored[`${kind}Payload`]),
    qos: qosOf(stored[`${kind}Qos`]) ?? 0,
    retain: flag(stored[`${kind}Retain`], false),
  };
  return typeof properties === 'object' && properties !== null
    ? { ...request, ...storedProperties(properties) }
    : request;
}

/** The stored names are shorter than those of a message; both are read. */
function storedProperties(stored: Readonly<Record<string, unknown>> | object): Partial<WillRequest> {
  const source = stored as Readonly<Record<string, unknown>>;
  const properties = propertiesOf({
    contentType: source['contentType'],
    userProperties: source['userProps'] ?? source['userProperties'],
    responseTopic: source['respTopic'] ?? source['responseTopic'],
    correlationData: source['correl'] ?? source['correlationData'],
    messageExpiryInterval: source['expiry'] ?? source['messageExpiryInterval'],
  });
  const willDelayInterval = whole(source['delay'] ?? source['willDelayInterval'], 0, HIGHEST_UINT32);
  return {
    ...(properties !== undefined && { properties }),
    ...(willDelayInterval !== undefined && { willDelayInterval }),
  };
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: V });
}
