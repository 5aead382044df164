import { basename, join } from 'node:path';
import type { Node, NodeAPI, NodeDef } from 'node-red';
import { DiskStore, MqttError, type SessionStore, textOf } from '../../src/index.ts';
import { problemsOf, type StoredConnection } from '../common/config.ts';
import { filled, whole } from '../common/stored.ts';
import { ConnectionLife } from './connection-life.ts';
import { ConnectionSettings, type Essence } from './connection-settings.ts';
import { addConnectionView } from './connection-view.ts';
import { onFlows } from './flow-events.ts';
import { ForgottenSessions } from './forgotten-sessions.ts';
import { liveConnections } from './live-connections.ts';
import { serveOutbox } from './outbox-endpoints.ts';
import { ParkedLives } from './parked-lives.ts';
import { type Opened, type Place, SessionStores } from './session-stores.ts';
import type { SharedConnection } from './shared-connection.ts';
import { serveTest } from './test-endpoint.ts';
import { Voice } from './voice.ts';
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

const parked = new ParkedLives((error) =>
  tellLoss?.(`MQTT: a connection could not be closed in order: ${textOf(error)}`),
);

const stores = new SessionStores((error) => tellLoss?.(`MQTT: a failed message could not be told: ${textOf(error)}`));

const forgotten = new ForgottenSessions((text) => tellLoss?.(text));

/** One for all calls of `register`. */
const LISTENER = {
  started: () => {
    discardWhatIsGone();
    tellWhatIsForgotten?.();
  },
};

/** Looks at what is on the disk of the runtime that loaded the nodes last. */
let tellWhatIsForgotten: (() => void) | undefined;

/** Where to say what the end of the process loses: to the log of the runtime that loaded the nodes last. */
let tellLoss: ((text: string) => void) | undefined;

export = function register(RED: NodeAPI): void {
  tellLossAtExit((text) => RED.log.error(text));
  tellWhatIsForgotten = () => void lookForForgotten(RED);
  onFlows(RED.events, LISTENER);
  onFlows(RED.events, parked);
  serveOutbox(RED, async (id) => stores.has(id) || (await mayBeOnDisk(folderOf(RED, id))));
  serveTest(RED);

  function MqttConnection(this: ConnectionNode, def: ConnectionDef): void {
    RED.nodes.createNode(this, def);
    for (const problem of problemsOf(def)) this.warn(problem);
    const life = lifeOf(RED, this, def);
    this.connection = life.connection;
    const endView = addConnectionView(this, life.connection);
    liveConnections.add(this, life.connection);

    this.on('close', (removed: boolean, done: () => void) => {
      endView();
      liveConnections.remove(this);
      if (!removed && parked.park(def.id, life)) return done();
      // Within about 5 s whatever broker and disk do.
      whenClosed(this, life.end(removed), done);
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

/** On disk, under the user directory, unless a person chose memory; a Node-RED without such a directory has that alone. */
function placeOf(RED: NodeAPI, { id, sessionStore }: ConnectionDef): Place {
  return { folder: sessionStore === 'memory' ? undefined : folderOf(RED, id), fsync: sessionStore === 'fsync' };
}

async function lookForForgotten(RED: NodeAPI): Promise<void> {
  const root = rootOf(RED);
  if (root === undefined) return;
  await forgotten.lookIn(root, (folder, look) => {
    const id = idOf(basename(folder));
    return id === undefined ? undefined : stores.hold(id, folder, look);
  });
}

/** Where the session of a connection is, if it is on disk; undefined: this Node-RED has no user directory. */
function folderOf(RED: NodeAPI, id: string): string | undefined {
  const root = rootOf(RED);
  return root === undefined ? undefined : join(root, folderName(id));
}

async function mayBeOnDisk(folder: string | undefined): Promise<boolean> {
  return folder !== undefined && DiskStore.mayBeIn(folder);
}

function rootOf(RED: NodeAPI): string | undefined {
  const { userDir } = RED.settings;
  return typeof userDir !== 'string' || userDir === '' ? undefined : join(userDir, 'posthorn');
}

/** The connection makes no client before. */
function opened(session: Opened | undefined): SessionStore {
  if (session?.store === undefined) throw new MqttError('store-failed', 'the session is not open yet');
  return session.store;
}

/** An id is anything that a flow file holds, `..` too. */
function folderName(id: string): string {
  return encodeURIComponent(id).replaceAll('.', '%2E');
}

/** undefined: no id has a folder of this name. */
function idOf(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/** The connection that a deploy has left for this node, if nothing of it changed; else a new one. */
function lifeOf(RED: NodeAPI, node: ConnectionNode, def: ConnectionDef): ConnectionLife {
  let session: Opened | undefined;
  const settings = new ConnectionSettings(def, {
    login: { username: filled(node.credentials?.user), password: filled(node.credentials?.password) },
    tls: () => tlsOptionsOf(filled(def.tls), (id) => RED.nodes.getNode(id)),
    generatedClientId: `nodered${RED.util.generateId()}`,
    reconnectTime: whole(RED.settings['mqttReconnectTime'], 1, 0x7fffffff),
    store: () => opened(session),
    isWhole: () => session?.isWhole === true,
    awaitsDisk: () => session?.awaitsDisk === true,
  });
  const essence = essenceOf(settings);
  const earlier = parked.take(def.id, essence);
  earlier?.handTo(node);
  if (earlier !== undefined) return earlier;
  const voice = new Voice(node);
  session = stores.of(def.id, placeOf(RED, def), {
    report: (problem) => voice.warn(problem),
    moving: (move) => life.connection.moveSession(move),
  });
  const life = new ConnectionLife({
    settings,
    essence,
    voice,
    session,
    before: parked.ending(def.id),
    onFlows: (listener) => onFlows(RED.events, listener),
    left: (removed) => leave(def.id, voice, removed),
  });
  return life;
}

/** undefined: the settings make no sense. */
function essenceOf(settings: ConnectionSettings): Essence | undefined {
  try {
    return settings.essence;
  } catch {
    return undefined;
  }
}

async function leave(id: string, voice: Voice, removed: boolean): Promise<void> {
  const lost = removed ? stores.remove(id) : 0;
  if (!removed) await stores.left(id);
  if (lost > 0) voice.error(`${messages(lost)} lost with the connection: the broker did not have ${them(lost)} yet`);
  await stores.told();
}

function messages(count: number): string {
  return count === 1 ? '1 message was' : `${count} messages were`;
}

function them(count: number): string {
  return count === 1 ? 'it' : 'them';
}
