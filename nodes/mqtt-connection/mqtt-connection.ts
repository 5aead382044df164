import { join } from 'node:path';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { MqttError, type SessionStore, textOf } from '../../src/index.ts';
import { problemsOf, type StoredConnection } from '../common/config.ts';
import { filled, whole } from '../common/stored.ts';
import { ConnectionSettings } from './connection-settings.ts';
import { addConnectionView } from './connection-view.ts';
import { onFlows } from './flow-events.ts';
import { serveOutbox } from './outbox-endpoints.ts';
import { countRepeatedErrors } from './repeated-errors.ts';
import { type Opened, type Place, SessionStores } from './session-stores.ts';
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

const stores = new SessionStores((error) => tellLoss?.(`MQTT: a failed message could not be told: ${textOf(error)}`));

/** One for all calls of `register`. */
const DISCARDING = { started: discardWhatIsGone };

/** Where to say what the end of the process loses: to the log of the runtime that loaded the nodes last. */
let tellLoss: ((text: string) => void) | undefined;

export = function register(RED: NodeAPI): void {
  tellLossAtExit((text) => RED.log.error(text));
  onFlows(RED.events, DISCARDING);
  serveOutbox(RED);

  function MqttConnection(this: ConnectionNode, def: ConnectionDef): void {
    RED.nodes.createNode(this, def);
    const session = stores.of(def.id, placeOf(RED, def), {
      report: (problem) => this.warn(problem),
      moving: (move) => this.connection.moveSession(move),
    });
    const settings = new ConnectionSettings(def, {
      login: { username: filled(this.credentials?.user), password: filled(this.credentials?.password) },
      tls: () => tlsOptionsOf(filled(def.tls), (id) => RED.nodes.getNode(id)),
      generatedClientId: `nodered${RED.util.generateId()}`,
      reconnectTime: whole(RED.settings['mqttReconnectTime'], 1, 0x7fffffff),
      store: () => opened(session),
    });
    for (const problem of problemsOf(def)) this.warn(problem);
    const repeats = countRepeatedErrors(this);
    const reporter = {
      log: (text: string) => {
        // It says that the state is another one: what failed before was before.
        repeats.tell();
        this.log(text);
      },
      warn: (text: string) => this.warn(text),
      error: (what: string | Error) => this.error(what),
    };
    const connection = new SharedConnection(
      settings,
      reporter,
      session.store === undefined ? session.opening : undefined,
    );
    this.connection = connection;
    addConnectionView(this, connection);

    const unheard = onFlows(RED.events, {
      stopping: () => connection.flowsStopping(),
      starting: () => connection.flowsStarting(),
      started: () => connection.flowsStarted(),
      unstarted: () => connection.flowsUnstarted(),
    });
    this.on('close', (removed: boolean, done: () => void) => {
      unheard();
      // Within about 5 s whatever broker and disk do.
      whenClosed(this, end(this, connection, removed), () => {
        repeats.end();
        done();
      });
    });
  }

  RED.nodes.registerType<ConnectionNode, ConnectionDef, unknown, Credentials>('mqtt-connection', MqttConnection, {
    credentials: { user: { type: 'text' }, password: { type: 'password' } },
  });
};

/** Not at Node-RED's event of a stop: the editor's button stops flows too, and what waits then is sent after a start. */
function tellLossAtExit(tell: (text: string) => void): void {
  if (tellLoss === undefined) process.once('exit', sayWhatIsLost);
  tellLoss = tell;
}

function sayWhatIsLost(): void {
  const lost = stores.end();
  if (lost > 0) tellLoss?.(`MQTT: ${messages(lost)} lost: the broker did not have ${them(lost)} when Node-RED ended`);
}

/** A connection inside of a subflow is closed like one that will come back, also when the subflow's instance is deleted. */
function discardWhatIsGone(): void {
  const lost = stores.prune();
  if (lost > 0)
    tellLoss?.(`MQTT: ${messages(lost)} lost with a connection that is gone: the broker did not have ${them(lost)}`);
}

/** On disk, under the user directory, where a person chose that; a Node-RED without such a directory has memory alone. */
function placeOf(RED: NodeAPI, { id, sessionStore }: ConnectionDef): Place {
  const { userDir } = RED.settings;
  const folder =
    (sessionStore !== 'disk' && sessionStore !== 'fsync') || typeof userDir !== 'string' || userDir === ''
      ? undefined
      : join(userDir, 'posthorn', folderName(id));
  return { folder, fsync: sessionStore === 'fsync' };
}

/** The connection makes no client before. */
function opened({ store }: Opened): SessionStore {
  if (store === undefined) throw new MqttError('store-failed', 'the session is not open yet');
  return store;
}

/** An id is anything that a flow file holds, `..` too. */
function folderName(id: string): string {
  return encodeURIComponent(id).replaceAll('.', '%2E');
}

async function end(node: ConnectionNode, connection: SharedConnection, removed: boolean): Promise<void> {
  await connection.close();
  const lost = removed ? stores.remove(node.id) : 0;
  if (!removed) await stores.left(node.id);
  if (lost > 0) node.error(`${messages(lost)} lost with the connection: the broker did not have ${them(lost)} yet`);
  await Promise.all([connection.told(), stores.told()]);
}

function messages(count: number): string {
  return count === 1 ? '1 message was' : `${count} messages were`;
}

function them(count: number): string {
  return count === 1 ? 'it' : 'them';
}
