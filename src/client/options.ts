import { MqttError } from '../protocol/errors.ts';
import {
  type DisconnectProperties,
  payloadBytes,
  type ProtocolVersion,
  type UserProperties,
  type Will,
} from '../protocol/packet.ts';
import { whyNotEncodable } from '../protocol/topic.ts';
import { MOST_UNACKNOWLEDGED } from '../session/incoming.ts';
import type { WhenFull } from '../session/giving-way.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { atOnce, type Failing, type Restored, type SessionStore } from '../store/session-store.ts';
import { dial, type Dial, type WebSocketAgent } from '../transport/dial.ts';
import { parseServer, type ServerAddress } from '../transport/server.ts';
import type { TlsOptions } from '../transport/tls.ts';
import { type Clock, type Random, systemClock, systemRandom } from '../util/clock.ts';
import type { BackoffOptions } from './backoff.ts';
import { type PublishRequest, parseMessage } from './message.ts';
import { ClientNumbers } from './numbers.ts';
import type { OutboxOptions } from './outbox.ts';

/** A Will as an application gives it. */
export interface WillRequest extends PublishRequest {
  /** Seconds between the loss of the connection and the Will (3.1.3.2.2). Default 0. */
  readonly willDelayInterval?: number | undefined;
}

export interface ClientOptions {
  /** `mqtt://host[:1883]`, `mqtts://host[:8883]`, `ws://host[:80]/path` or `wss://host[:443]/path`. */
  readonly server: string;
  /** 3 (MQTT 3.1), 4 (3.1.1), 5, or `auto`: 5, and 3.1.1 where the Server refuses 5. Default `auto`. */
  readonly protocolVersion?: ProtocolVersion | 'auto';
  /** Empty: the Server assigns one; before MQTT 5 only with a clean start. Default empty. */
  readonly clientId?: string;
  /** Begin without an earlier session. Default true. */
  readonly cleanStart?: boolean;
  /** Seconds, 0 to 65,535; 0 is off. Default 60. */
  readonly keepAlive?: number;
  /** Seconds for which the Server keeps the session after a disconnect; 0xFFFFFFFF for ever; MQTT 5. Default 0. */
  readonly sessionExpiryInterval?: number;
  readonly username?: string;
  /** At most 65,535 bytes; before MQTT 5 only with a user name. */
  readonly password?: string;
  readonly will?: WillRequest;
  /** Published first on every connection. */
  readonly birth?: PublishRequest;
  /** Published last before an orderly disconnect. */
  readonly closing?: PublishRequest;
  /** User properties of CONNECT. */
  readonly userProperties?: UserProperties;
  /** User properties of every SUBSCRIBE; MQTT 5. */
  readonly subscribeUserProperties?: UserProperties;
  /** Properties of the DISCONNECT that ends a connection in order; MQTT 5. */
  readonly disconnectProperties?: DisconnectProperties;
  /** Received QoS 1 and 2 messages that may be unacknowledged at once, 1 to 65,535. Default 1,000 for a session that is kept, else 65,535. */
  readonly receiveMaximum?: number;
  /** Bytes of one packet that we accept at most. Default 64 MiB. */
  readonly maximumPacketSize?: number;
  /** Topic Aliases that the Server may use, 0 to 65,535. Default 32. */
  readonly topicAliasMaximum?: number;
  readonly tls?: TlsOptions;
  /** The proxy for a WebSocket URL, if there is one. Default: what `http_proxy` and its like in the environment say. */
  readonly webSocketAgent?: WebSocketAgent;
  /** Milliseconds for dialling and for the answer to CONNECT, each. Default 30,000. */
  readonly connectTimeout?: number;
  readonly backoff?: Partial<BackoffOptions>;
  readonly outbox?: Partial<OutboxOptions>;
  /** QoS 1 and 2 messages in flight at most, 1 to 65,471, besides the Server's Receive Maximum. Default that; before MQTT 5 20. */
  readonly maximumInflight?: number;
  /** Filters in one SUBSCRIBE; some cloud brokers allow no more. Default 8. */
  readonly filtersPerSubscribe?: number;
  /** Where the session lives. Default: in memory, with this client. */
  readonly store?: SessionStore;
  readonly clock?: Clock;
  /** Chance: for delays, identifiers and packet ids. Default: the system's. */
  readonly random?: Random;
  readonly dial?: Dial;
  /** Told what a person should know and no single message or subscription is told: each thing once per connection. */
  readonly report?: (notice: MqttError) => void;
  /**
   * Milliseconds within which receivers may subscribe after the first connection is up; 0: none does. What a session kept
   * for nobody waits for them, and what came behind it waits too. Default 10,000.
   */
  readonly lateReceivers?: () => number;
  /**
   * Whether receivers work on messages beyond the turn in which they get them. Asked at each CONNECT: without a
   * `receiveMaximum` of its own the Server is told then how many may wait here (3.1.2.11.3). Default: none does.
   */
  readonly receiversWork?: () => boolean;
  /** Told each time that no accepted message is left: {@link Client.waiting} is 0. */
  readonly emptied?: () => void;
  /** Told why a message that an earlier client accepted will never be delivered; has to call `tell`, which tells who gave it. */
  readonly restored?: Restored;
  /** Has to call what it is given, which tells somebody that a message failed: very many may in one turn. Default: at once. */
  readonly failing?: Failing;
  /** Those of an earlier client, which go on with this one. Default: new ones. */
  readonly numbers?: ClientNumbers;
}

/** Checked options with every default filled in. */
export interface Settings {
  readonly server: ServerAddress;
  readonly protocolVersion: ProtocolVersion | 'auto';
  readonly clientId: string;
  readonly cleanStart: boolean;
  readonly keepAlive: number;
  readonly sessionExpiryInterval: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly will: Will | undefined;
  readonly birth: PublishRequest | undefined;
  readonly closing: PublishRequest | undefined;
  readonly userProperties: UserProperties | undefined;
  readonly subscribeUserProperties: UserProperties | undefined;
  readonly disconnectProperties: DisconnectProperties | undefined;
  readonly receiveMaximum: number;
  /** A Server that passes it loses the connection; one that passes our default only, as some do with what they retain, does not. */
  readonly enforcedReceiveMaximum: number;
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
  readonly tls: TlsOptions;
  readonly webSocketAgent: WebSocketAgent | undefined;
  readonly connectTimeout: number;
  readonly backoff: BackoffOptions;
  readonly outbox: OutboxOptions;
  readonly maximumInflight: number | undefined;
  readonly filtersPerSubscribe: number;
  readonly store: SessionStore;
  /** The store, where nobody gave one: it ends with the client. */
  readonly ownStore: MemoryStore | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly dial: Dial;
  readonly report: (notice: MqttError) => void;
  readonly restored: Restored;
  readonly failing: Failing;
  readonly numbers: ClientNumbers;
  readonly emptied: () => void;
  readonly lateReceivers: () => number;
  readonly receiversWork: () => boolean;
}

/** Packet ids that messages may take: some are left for SUBSCRIBE and UNSUBSCRIBE (2.2.1). */
export const MOST_IN_FLIGHT = 65_535 - 64;

const DEFAULT_BACKOFF: BackoffOptions = { initial: 1000, maximum: 30_000, stableAfter: 10_000 };
const WHEN_FULL: readonly WhenFull[] = ['refuse', 'drop-oldest', 'keep-latest'];
export const DEFAULT_OUTBOX: OutboxOptions = {
  maxMessages: 100_000,
  maxBytes: 100 * 1024 * 1024,
  whenFull: 'refuse',
  longestWait: undefined,
  qos0Waits: false,
};
const DEFAULT_MAXIMUM_PACKET_SIZE = 64 * 1024 * 1024;
const DEFAULT_TOPIC_ALIAS_MAXIMUM = 32;
const LONGEST_PASSWORD = 65_535;

/** Milliseconds for which the messages that a session kept wait for receivers: flows subscribe while they start. */
export const GRACE_TIME = 10_000;

/** @throws {MqttError} `invalid-options`, `invalid-topic` or `invalid-message`, naming the option and its value. */
export function parseOptions(options: ClientOptions): Settings {
  const clientId = text('client id', options.clientId) ?? '';
  const cleanStart = options.cleanStart ?? true;
  const protocolVersion = options.protocolVersion ?? 'auto';
  // [MQTT-3.1.3-7] of 3.1.1: without a client id there is nothing to keep a session by.
  if (clientId === '' && !cleanStart) {
    throw new MqttError('invalid-options', 'a session that is kept (no clean start) needs a client id');
  }
  if (clientId === '' && protocolVersion === 3) {
    throw new MqttError('invalid-options', 'MQTT 3.1 needs a client id');
  }
  for (const request of [options.birth, options.closing]) if (request !== undefined) parseMessage(request);
  const ownStore = new MemoryStore();
  return {
    server: parseServer(options.server),
    protocolVersion,
    clientId,
    cleanStart,
    keepAlive: range('keep alive', options.keepAlive ?? 60, 0, 65_535),
    sessionExpiryInterval: range('session expiry', options.sessionExpiryInterval ?? 0, 0, 0xffffffff),
    username: text('user name', options.username),
    password: password(options),
    will: options.will === undefined ? undefined : parseWill(options.will),
    birth: options.birth,
    closing: options.closing,
    userProperties: userProperties(options.userProperties),
    subscribeUserProperties: userProperties(options.subscribeUserProperties),
    disconnectProperties: disconnectProperties(options),
    receiveMaximum: range(
      'receive maximum',
      options.receiveMaximum ?? defaultReceiveMaximum(cleanStart, options),
      1,
      65_535,
    ),
    enforcedReceiveMaximum: options.receiveMaximum ?? 65_535,
    maximumPacketSize: range(
      'maximum packet size',
      options.maximumPacketSize ?? DEFAULT_MAXIMUM_PACKET_SIZE,
      16,
      268_435_460,
    ),
    topicAliasMaximum: range(
      'topic alias maximum',
      options.topicAliasMaximum ?? DEFAULT_TOPIC_ALIAS_MAXIMUM,
      0,
      65_535,
    ),
    tls: options.tls ?? {},
    webSocketAgent: options.webSocketAgent,
    connectTimeout: range('connect timeout', options.connectTimeout ?? 30_000, 1, 0x7fffffff),
    backoff: { ...DEFAULT_BACKOFF, ...options.backoff },
    outbox: parseOutbox({ ...DEFAULT_OUTBOX, ...options.outbox }),
    maximumInflight:
      options.maximumInflight === undefined
        ? undefined
        : range('messages in flight', options.maximumInflight, 1, MOST_IN_FLIGHT),
    filtersPerSubscribe: range('filters per subscribe', options.filtersPerSubscribe ?? 8, 1, 65_535),
    store: options.store ?? ownStore,
    ownStore: options.store === undefined ? ownStore : undefined,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    dial: options.dial ?? dial,
    report: unthrowing(options.report ?? ignore),
    restored: options.restored ?? ((_error, tell) => tell()),
    failing: options.failing ?? atOnce,
    numbers: options.numbers ?? new ClientNumbers(),
    emptied: options.emptied ?? ignore,
    lateReceivers: options.lateReceivers ?? (() => GRACE_TIME),
    receiversWork: (options.receiveMaximum === undefined ? options.receiversWork : undefined) ?? (() => false),
  };
}

function parseOutbox(outbox: OutboxOptions): OutboxOptions {
  range('outbox in messages', outbox.maxMessages, 1, Number.MAX_SAFE_INTEGER);
  range('outbox in bytes', outbox.maxBytes, 1, Number.MAX_SAFE_INTEGER);
  if (outbox.longestWait !== undefined) range('longest wait', outbox.longestWait, 1, 0xffffffff);
  if (!WHEN_FULL.includes(outbox.whenFull)) {
    throw new MqttError('invalid-options', `when the outbox is full is "${outbox.whenFull}"`);
  }
  return outbox;
}

/** What a kept session holds for nodes that are not there yet must fit: the Server is told how much that is. */
function defaultReceiveMaximum(cleanStart: boolean, { sessionExpiryInterval = 0 }: ClientOptions): number {
  return cleanStart && sessionExpiryInterval === 0 ? 65_535 : MOST_UNACKNOWLEDGED;
}

/** Any characters are allowed; what is wrong with it is told without it. */
function password({ password: given, username, protocolVersion }: ClientOptions): string | undefined {
  if (given === undefined) return undefined;
  if (Buffer.byteLength(given) > LONGEST_PASSWORD) {
    throw new MqttError('invalid-options', `the password is longer than ${LONGEST_PASSWORD} bytes`);
  }
  // [MQTT-3.1.2-22] of 3.1.1; MQTT 5 allows it.
  if (username === undefined && (protocolVersion === 3 || protocolVersion === 4)) {
    throw new MqttError('invalid-options', 'before MQTT 5 a password needs a user name');
  }
  return given;
}

function userProperties(pairs: UserProperties | undefined): UserProperties | undefined {
  for (const [name, value] of pairs ?? []) {
    text('user property', name);
    text(`user property "${name}"`, value);
  }
  return pairs;
}

function disconnectProperties(options: ClientOptions): DisconnectProperties | undefined {
  const { disconnectProperties: given, sessionExpiryInterval: atConnect = 0 } = options;
  if (given === undefined) return undefined;
  text('reason string of the disconnect', given.reasonString);
  userProperties(given.userProperties);
  const { sessionExpiryInterval: seconds = 0 } = given;
  range('session expiry of the disconnect', seconds, 0, 0xffffffff);
  if (given.serverReference !== undefined) {
    throw new MqttError('invalid-options', 'only a broker may send a server reference in a disconnect');
  }
  // A Protocol Error (3.14.2.2.2).
  if (seconds > 0 && atConnect === 0) {
    throw new MqttError('invalid-options', 'a session that ends with its connection cannot be kept by the disconnect');
  }
  return given;
}

function parseWill(request: WillRequest): Will {
  const message = parseMessage(request);
  // Its length is told by two bytes (3.1.3.4).
  range('length of the will payload', payloadBytes(message.payload), 0, 65_535);
  const { willDelayInterval } = request;
  if (willDelayInterval !== undefined) range('will delay', willDelayInterval, 0, 0xffffffff);
  return { ...message, willDelayInterval };
}

function range(name: string, value: number, lowest: number, highest: number): number {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return value;
  throw new MqttError('invalid-options', `${name} is ${value}, it must be a whole number from ${lowest} to ${highest}`);
}

function text(name: string, value: string | undefined): string | undefined {
  const problem = value === undefined ? undefined : whyNotEncodable(value);
  if (problem !== undefined) throw new MqttError('invalid-options', `the ${name} ${problem}`);
  return value;
}

/** Whoever reports is told of everything that fails, and so has nobody to tell that it failed itself. */
function unthrowing(report: (notice: MqttError) => void): (notice: MqttError) => void {
  return (notice) => {
    try {
      report(notice);
    } catch {
      // The notice is lost; what it was about goes on.
    }
  };
}

function ignore(): void {
  // Who gives no listener does not want to know.
}
