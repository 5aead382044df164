import type { Node, NodeAPI, NodeDef } from 'node-red';
import { MemoryStore, type SessionStore } from '../../src/index.ts';
import { problemsOf, type StoredConnection } from '../common/config.ts';
import { filled, whole } from '../common/stored.ts';
import { ConnectionSettings } from './connection-settings.ts';
import { addConnectionView } from './connection-view.ts';
import { onFlowsStarted } from './flows-started.ts';
import { SharedConnection } from './shared-connection.ts';
import { whenClosed } from './when-closed.ts';
import { tlsOptionsOf } from './tls-config.ts';

interface Credentials {
  user?: string;
  password?: string;
}

/** The config node as its users see it. */
interface ConnectionNode extends Node<Credentials> {
  connection: SharedConnection;
}

interface ConnectionDef extends NodeDef, StoredConnection {
  readonly tls?: unknown;
}

/** Sessions by config node: they outlive redeploys, and end when their node is removed. */
const stores = new Map<string, SessionStore>();

export = function register(RED: NodeAPI): void {
  function MqttConnection(this: ConnectionNode, def: ConnectionDef): void {
    RED.nodes.createNode(this, def);
    const settings = new ConnectionSettings(def, {
      login: { username: filled(this.credentials?.user), password: filled(this.credentials?.password) },
      tls: () => tlsOptionsOf(filled(def.tls), (id) => RED.nodes.getNode(id)),
      generatedClientId: `nodered${RED.util.generateId()}`,
      reconnectTime: whole(RED.settings['mqttReconnectTime'], 1, 0x7fffffff),
      store: storeOf(def.id),
    });
    for (const problem of problemsOf(def)) this.warn(problem);
    const connection = new SharedConnection(settings, {
      log: (text) => this.log(text),
      warn: (text) => this.warn(text),
      error: (text) => this.error(text),
    });
    this.connection = connection;
    addConnectionView(this, connection);

    const unheard = onFlowsStarted(RED.events, () => connection.flowsStarted());
    this.on('close', (removed: boolean, done: () => void) => {
      unheard();
      if (removed) stores.delete(def.id);
      // Within about 2 s whatever the broker does.
      whenClosed(this, connection.close(), done);
    });
  }

  RED.nodes.registerType<ConnectionNode, ConnectionDef, unknown, Credentials>('mqtt-connection', MqttConnection, {
    credentials: { user: { type: 'text' }, password: { type: 'password' } },
  });
};

function storeOf(id: string): SessionStore {
  const store = stores.get(id) ?? new MemoryStore();
  stores.set(id, store);
  return store;
}
