import type { Node, NodeMessage } from 'node-red';
import type { SubscriptionOptions } from '../../src/index.ts';
import type { OutDefaults, OutgoingMsg } from '../common/message.ts';
import { qosOf } from '../common/stored.ts';
import { subscriptionOptions } from '../common/subscription-options.ts';
import { CallbackSubscriber, type MessageCallback } from './callback-subscriber.ts';
import { publishMsg } from './publish.ts';
import type { SharedConnection } from './shared-connection.ts';
import type { View } from './view.ts';

type Callback = (error?: Error) => void;

/** The functions that `mqtt-broker` offers to other packages' nodes, under the same names. */
export function connectionMethods(node: Node, connection: SharedConnection): View {
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
