import type { Node, NodeMessage } from 'node-red';
import { type SubscriptionOptions, textOf } from '../../src/index.ts';
import type { OutgoingMsg } from '../common/message.ts';
import { qosOf } from '../common/stored.ts';
import { subscriptionOptions } from '../common/subscription-options.ts';
import type { MessageCallback } from './callback-subscriber.ts';
import { CallbackSubscribers } from './callback-subscribers.ts';
import { clientView } from './client-view.ts';
import { type OwnSettings, publishMsg } from './publish.ts';
import type { SharedConnection, User } from './shared-connection.ts';
import { StatusLight } from './status-light.ts';
import type { View } from './view.ts';
import { whenClosed } from './when-closed.ts';

type Callback = (error?: Error) => void;

/**
 * The functions that `mqtt-broker` offers to other packages' nodes, under the same names, and what ends with the node by
 * which they were called: as with core, who does not say that it goes is gone then.
 */
export function connectionMethods(
  node: Node,
  connection: SharedConnection,
): { readonly view: View; readonly end: () => void } {
  const subscribers = new CallbackSubscribers(node, connection);
  const users = new Set<User>();
  const methods = {
    v5: () => connection.mqtt5,
    canConnect: () => connection.changeable,
    setOptions: (options: unknown) => {
      if (typeof options === 'object' && options !== null) connection.configure(options as Record<string, unknown>);
    },
    // As with core, who asked hears only of success; a failure is in the status, the log and the Catch nodes.
    connect: (callback?: Callback) => void connection.connect().then(() => callBack(node, callback), ignore),
    disconnect: (callback?: Callback) => whenClosed(node, connection.disconnect(), () => callBack(node, callback)),
    register: (user: Node) => {
      const light = new StatusLight(user);
      const registered: User = {
        node: user,
        subscribesLate: true,
        publishes: false,
        show: (status) => light.show(status),
      };
      users.add(registered);
      connection.register(registered);
    },
    deregister: (user: Node, done?: Callback, removed = false) =>
      whenClosed(node, deregister(connection, user, removed), () => callBack(node, done)),
    publish: (msg: OutgoingMsg, done?: Callback) =>
      publishMsg(connection, msg, MESSAGE_DECIDES, (error) => {
        if (done !== undefined) callBack(node, () => done(error));
        else if (error !== undefined) node.error(error, { ...msg } as NodeMessage);
      }),
    subscribe: (topic: unknown, options?: unknown, callback?: MessageCallback, ref: unknown = 0) => {
      const asked = isRecord(topic) ? topic : { topic, options, callback, ref };
      subscribers.subscribe(
        text(asked['topic']),
        optionsOf(asked['options']),
        callbackOf(asked),
        text(asked['ref'] ?? 0),
      );
    },
    // As with core: what ends without being removed is only away for a deploy.
    unsubscribe: (topic: unknown, ref: unknown = 0, removed: unknown = false) =>
      subscribers.unsubscribe(text(topic), text(ref), Boolean(removed)),
  };
  const client = clientView(connection, {
    end: (force, callback) =>
      whenClosed(node, force ? connection.destroy() : connection.disconnect(), () => callBack(node, callback)),
    failed: (error) => node.error(`a listener of another node failed: ${textOf(error)}`),
  });
  const end = (): void => {
    subscribers.end();
    client.forget();
    // What is not removed has nothing to wait for.
    for (const user of users) if (connection.users.has(user)) void connection.deregister(user, false);
  };
  return { view: { ...asView(methods), client: () => client.view }, end };
}

/** What another package's function throws is told as an error of this node, and goes no further. */
function callBack(node: Node, callback: Callback | undefined): void {
  try {
    callback?.();
  } catch (error) {
    node.error(`a callback of another node failed: ${textOf(error)}`);
  }
}

async function deregister(connection: SharedConnection, node: Node, removed: boolean): Promise<void> {
  for (const user of connection.users) if (user.node.id === node.id) await connection.deregister(user, removed);
}

function asView(methods: Readonly<Record<string, unknown>>): View {
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, () => method]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** A topic or a reference; nothing else is one. */
function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function callbackOf({ callback }: Readonly<Record<string, unknown>>): MessageCallback | undefined {
  return typeof callback === 'function' ? (callback as MessageCallback) : undefined;
}

/** Options as core takes them: an object, a bare QoS, or nothing, which is QoS 1. */
function optionsOf(options: unknown): SubscriptionOptions {
  if (typeof options !== 'object' || options === null) return subscriptionOptions({ rap: false }, qosOf(options) ?? 1);
  return subscriptionOptions({ rap: false, ...options }, 1);
}

const MESSAGE_DECIDES: OwnSettings = {
  defaults: {
    topic: undefined,
    qos: undefined,
    retain: undefined,
    responseTopic: undefined,
    correlationData: undefined,
    contentType: undefined,
    messageExpiryInterval: undefined,
    userProperties: undefined,
  },
  settledBy: 'server',
};

function ignore(): void {
  // What it would say, the connection's own status and log say.
}
