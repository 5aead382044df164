import type { Node, NodeMessage } from 'node-red';
import type { ConnackPacket, MessageProperties, SubscriptionOptions, WillRequest } from '../../src/index.ts';
import { brokerUrl } from '../common/config.ts';
import { datatypeOf } from '../common/decode.ts';
import { type OutDefaults, type OutgoingMsg, toObject } from '../common/message.ts';
import { publishMsg } from '../common/publish.ts';
import { flag, qosOf } from '../common/stored.ts';
import { type InDef, isDynamic } from '../mqtt-in/in-def.ts';
import { subscriptionOptions } from '../mqtt-in/subscription-options.ts';
import { type OutDef, outDefaults } from '../mqtt-out/out-defaults.ts';
import { CallbackSubscriber, type MessageCallback } from './callback-subscriber.ts';
import type { SharedConnection } from './shared-connection.ts';

// The properties that Node-RED's own MQTT nodes show to functions, to other nodes and to tests, under the same names.
// They only look at the engine: nothing here is a second copy of its state. None is enumerable, so that printing a node
// prints no password.

type Callback = (error?: Error) => void;
type View = Readonly<Record<string, () => unknown>>;

/** Adds what `mqtt-broker` shows to an `mqtt-connection`. */
export function addConnectionView(node: Node, connection: SharedConnection): void {
  define(node, storedView(connection));
  define(node, stateView(connection));
  define(node, methodView(node, connection));
}

/** Adds what `mqtt in` shows. `dynamic` tells the subscriptions that messages made. */
export function addInView(
  node: Node,
  def: InDef,
  brokerConn: unknown,
  dynamic: () => readonly { topic: string }[],
): void {
  define(node, {
    broker: () => def.broker,
    brokerConn: () => brokerConn,
    topic: () => def.topic,
    qos: () => subscriptionOptions(def, 2).qos,
    datatype: () => datatypeOf(def.datatype),
    isDynamic: () => isDynamic(def),
    inputs: () => def.inputs,
    nl: () => def.nl,
    rap: () => def.rap,
    rh: () => def.rh,
    dynamicSubs: () => Object.fromEntries(dynamic().map((subscription) => [subscription.topic, subscription])),
  });
}

/** Adds what `mqtt out` shows. */
export function addOutView(node: Node, def: OutDef, brokerConn: unknown): void {
  define(node, {
    broker: () => def.broker,
    brokerConn: () => brokerConn,
    topic: () => def.topic,
    qos: () => def.qos || null,
    retain: () => def.retain,
    responseTopic: () => def.respTopic,
    correlationData: () => def.correl,
    contentType: () => def.contentType,
    messageExpiryInterval: () => def.expiry,
    userProperties: () => toObject(outDefaults(def).userProperties ?? []),
  });
}

function define(node: Node, view: View): void {
  for (const [name, get] of Object.entries(view)) Object.defineProperty(node, name, { get, configurable: true });
}

/** What the settings say, which a message with the action `connect` may have changed. */
function storedView(connection: SharedConnection): View {
  const { settings } = connection;
  return {
    url: () => settings.stored.url,
    broker: () => settings.stored.broker,
    port: () => settings.stored.port,
    brokerurl: () => brokerUrl(settings.stored),
    clientid: () => settings.stored.clientid,
    usetls: () => flag(settings.stored.usetls, false),
    keepalive: () => settings.plainOptions().keepAlive,
    cleansession: () => settings.plainOptions().cleanStart,
    protocolVersion: () => settings.stored.protocolVersion,
    sessionExpiryInterval: () => settings.stored.sessionExpiry,
    userProperties: () => settings.stored.userProps,
    autoConnect: () => connection.autoConnect,
    autoUnsubscribe: () => flag(settings.stored.autoUnsubscribe, true),
    username: () => settings.plainOptions().username,
    password: () => settings.plainOptions().password,
    birthMessage: () => announcement(settings.plainOptions().birth),
    closeMessage: () => announcement(settings.plainOptions().closing),
    options: () => optionsView(connection),
  };
}

function optionsView(connection: SharedConnection): object {
  const { settings, protocolVersion, mqtt5 } = connection;
  const options = settings.plainOptions();
  const view = {
    clientId: options.clientId,
    clean: options.cleanStart,
    keepalive: options.keepAlive,
    reconnectPeriod: settings.reconnectTime ?? 5000,
    rejectUnauthorized: options.tls?.rejectUnauthorized,
    ...(protocolVersion !== undefined && { protocolVersion }),
    ...(protocolVersion === 3 && { protocolId: 'MQIsdp' }),
    ...(options.will !== undefined && { will: announcement(options.will) }),
    ...(mqtt5 && { properties: connectProperties(connection) }),
  };
  return Object.defineProperties(view, {
    username: { value: options.username },
    password: { value: options.password },
  });
}

function connectProperties({ settings }: SharedConnection): object {
  const { sessionExpiryInterval = 0, userProperties } = settings.plainOptions();
  return {
    requestResponseInformation: true,
    requestProblemInformation: true,
    ...(sessionExpiryInterval > 0 && { sessionExpiryInterval }),
    ...(userProperties !== undefined && { userProperties: toObject(userProperties) }),
  };
}

function announcement(request: WillRequest | undefined): object | undefined {
  if (request === undefined) return undefined;
  const { topic, payload, qos, retain, properties, willDelayInterval } = request;
  const shown = { ...shownProperties(properties), ...(willDelayInterval !== undefined && { willDelayInterval }) };
  return { topic, payload, qos, retain, ...(Object.keys(shown).length > 0 && { properties: shown }) };
}

function shownProperties(properties: MessageProperties | undefined): object {
  const { userProperties, ...others } = properties ?? {};
  return { ...others, ...(userProperties !== undefined && { userProperties: toObject(userProperties) }) };
}

function stateView(connection: SharedConnection): View {
  return {
    connected: () => connection.state.phase === 'connected',
    connecting: () => connection.trying,
    closing: () => connection.state.phase === 'closing' || connection.state.phase === 'closed',
    users: () => Object.fromEntries([...connection.users].map(({ node }) => [node.id, node])),
    subscriptions: () => subscriptionsView(connection),
    serverProperties: () => (connection.mqtt5 ? serverProperties(connection.connack) : {}),
    /** Core's is never filled; the messages that wait are in the session. */
    queue: () => [],
  };
}

/** By filter, then by the id of the node that subscribed. */
function subscriptionsView({ subscriptions }: SharedConnection): object {
  const view: Record<string, Record<string, object>> = {};
  for (const { filter, ref, options } of subscriptions) {
    const { qos, noLocal: nl, retainAsPublished: rap, retainHandling: rh } = options;
    (view[filter] ??= {})[ref] = { topic: filter, ref, qos, options: { qos, nl, rap, rh } };
  }
  return view;
}

/** What the broker offers, with the specification's defaults where core fills them in. */
function serverProperties(connack: ConnackPacket | undefined): object {
  if (connack === undefined) return {};
  const { userProperties, ...others } = connack.properties;
  return {
    retainAvailable: true,
    wildcardSubscriptionAvailable: true,
    subscriptionIdentifiersAvailable: true,
    ...others,
    ...(userProperties !== undefined && { userProperties: toObject(userProperties) }),
  };
}

function methodView(node: Node, connection: SharedConnection): View {
  const subscribers = new Map<string, CallbackSubscriber>();
  const methods = {
    v5: () => connection.mqtt5,
    canConnect: () => connection.changeable,
    setOptions: (options: unknown) => {
      if (typeof options === 'object' && options !== null) connection.configure(options as Record<string, unknown>);
    },
    // As with core, who asked hears only of success; a failure is in the status, the log and the Catch nodes.
    connect: (callback?: Callback) => void connection.connect().then(() => callback?.(), ignore),
    // `disconnect` and `destroy` never reject.
    disconnect: (callback?: Callback) => void connection.disconnect().then(() => callback?.()),
    register: (user: Node) => connection.register({ node: user, show: (status) => user.status(status) }),
    deregister: (user: Node, done?: Callback, removed = false) =>
      void deregister(connection, user, removed).then(() => done?.()),
    publish: (msg: OutgoingMsg, done?: Callback) =>
      publishMsg(
        connection,
        msg,
        MESSAGE_DECIDES,
        done ?? ((error) => error && node.error(error, { ...msg } as NodeMessage)),
      ),
    subscribe: (topic: string, options?: unknown, callback?: MessageCallback, ref: unknown = 0) => {
      const id = String(ref);
      const subscriber = subscribers.get(id) ?? new CallbackSubscriber(id, node);
      subscribers.set(id, subscriber.on(topic, callback));
      connection.subscribe(topic, subscriber, optionsOf(options), ignore);
    },
    unsubscribe: (topic: string, ref: unknown = 0) => connection.unsubscribe(topic, String(ref)),
  };
  const client = {
    end: (force?: unknown, ...more: unknown[]) => {
      const callback = [force, ...more].find((each) => typeof each === 'function') as Callback | undefined;
      void (force === true ? connection.destroy() : connection.disconnect()).then(() => callback?.());
    },
    get connected() {
      return connection.state.phase === 'connected';
    },
  };
  return { ...asView(methods), client: () => client };
}

async function deregister(connection: SharedConnection, node: Node, removed: boolean): Promise<void> {
  for (const user of connection.users) if (user.node.id === node.id) await connection.deregister(user, removed);
}

function asView(methods: Readonly<Record<string, unknown>>): View {
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, () => method]));
}

/** Options as core takes them: an object, a bare QoS, or nothing, which is QoS 1. */
function optionsOf(options: unknown): SubscriptionOptions {
  if (typeof options !== 'object' || options === null) return subscriptionOptions({ rap: false }, qosOf(options) ?? 1);
  return subscriptionOptions({ rap: false, ...options }, 1);
}

const MESSAGE_DECIDES: OutDefaults = {
  topic: undefined,
  qos: undefined,
  retain: undefined,
  responseTopic: undefined,
  correlationData: undefined,
  contentType: undefined,
  messageExpiryInterval: undefined,
  userProperties: undefined,
};

function ignore(): void {
  // What it would say, the connection's own status and log say.
}
