import type { Node } from 'node-red';
import type { ConnackPacket, MessageProperties, WillRequest } from '../../src/index.ts';
import { brokerUrl } from '../common/config.ts';
import { toObject } from '../common/message.ts';
import { flag } from '../common/stored.ts';
import { connectionMethods } from './connection-methods.ts';
import type { SharedConnection } from './shared-connection.ts';
import { addView, type View } from './view.ts';

/** Adds what `mqtt-broker` shows to an `mqtt-connection`; returns what ends it with the node. */
export function addConnectionView(node: Node, connection: SharedConnection): () => void {
  const { view, end } = connectionMethods(node, connection);
  addView(node, storedView(connection));
  addView(node, stateView(connection));
  addView(node, view);
  return end;
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
  const view = new Map<string, Map<string, object>>();
  for (const { filter, ref, options } of subscriptions) {
    const { qos, noLocal: nl, retainAsPublished: rap, retainHandling: rh } = options;
    const byRef = view.get(filter) ?? new Map<string, object>();
    view.set(filter, byRef.set(ref, { topic: filter, ref, qos, options: { qos, nl, rap, rh } }));
  }
  // `fromEntries` defines properties: a filter called __proto__ is one like any other.
  return Object.fromEntries([...view].map(([filter, byRef]) => [filter, Object.fromEntries(byRef)]));
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
