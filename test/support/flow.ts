import { once } from 'node:events';
import { createRequire } from 'node:module';
import helper from 'node-red-node-test-helper';
import type { Node, NodeAPI, NodeMessage } from 'node-red';
import registerAck = require('../../nodes/mqtt-ack/mqtt-ack.ts');
import registerConnection = require('../../nodes/mqtt-connection/mqtt-connection.ts');
import registerIn = require('../../nodes/mqtt-in/mqtt-in.ts');
import registerOut = require('../../nodes/mqtt-out/mqtt-out.ts');
import { NAMESPACE } from '../../nodes/failures/failure-text.ts';
import { inEnglish } from '../../nodes/failures/status-text.ts';
import { deferred } from '../../src/util/deferred.ts';
import { within } from './events.ts';

/** One node of a flow file. */
export type FlowNode = { readonly id: string; readonly type: string } & Readonly<Record<string, unknown>>;

/** The Node-RED under test: ours, or the one whose folder is named. */
const NODE_RED = require.resolve(process.env['POSTHORN_NODE_RED'] ?? 'node-red');

/** Loads a module that the Node-RED under test has beside it, not one of the same name of another version. */
export const requireOfNodeRed = createRequire(NODE_RED);

/** Core nodes that flows of tests use. */
const CORE = [
  'common/05-junction',
  'common/24-complete',
  'common/25-catch',
  'common/25-status',
  'common/60-link',
  'network/05-tls',
  'network/10-mqtt',
].map((file) => requireOfNodeRed(`@node-red/nodes/core/${file}.js`) as (RED: NodeAPI) => void);

/** What every Node-RED of a test is set to. */
const SETTINGS = {
  // A test must not wait seconds for a reconnect.
  mqttReconnectTime: 100,
};

helper.init(NODE_RED, SETTINGS as never);

/** From the next start on Node-RED has this user directory; without one, it has none again. */
export function useUserDir(userDir?: string): void {
  helper.settings({ ...SETTINGS, ...(userDir !== undefined && { userDir }) });
}

/** Starts the flow in a real Node-RED runtime, with our nodes loaded from their sources. */
export async function startFlow(nodes: readonly FlowNode[], credentials: object = {}): Promise<void> {
  running = true;
  own = new WeakSet();
  // Node-RED empties the credentials that it is given.
  await helper.load(
    [...CORE, registerAck, registerConnection, registerIn, registerOut],
    placed(nodes) as never,
    credentials,
  );
}

/** Nodes that say nothing else lie on one tab; config nodes and subflows belong to all. */
function placed(nodes: readonly FlowNode[]): readonly FlowNode[] {
  const subflows = new Set(nodes.filter(({ type }) => type === 'subflow').map(({ id }) => id));
  const flows = nodes.map(({ z }) => z).filter((z) => typeof z === 'string');
  const tabs = new Set(flows.filter((z) => !subflows.has(z)));
  const ids = [...tabs.add('tab')];
  return [
    ...ids.map((id) => ({ id, type: 'tab', label: id })),
    ...nodes.map((each) => (belongsToAll(each) ? each : { x: 0, y: 0, z: 'tab', wires: [], ...each })),
  ];
}

function belongsToAll({ type }: FlowNode): boolean {
  return ['mqtt-connection', 'mqtt-broker', 'tls-config', 'subflow'].includes(type);
}

/** What the helper drives, and hides. Its own `setFlows` gives up when a deploy takes more than 300 ms. */
interface Runtime {
  readonly _events: NodeJS.EventEmitter;
  readonly _redNodes: {
    setFlows(flows: unknown, credentials: object, type: string): Promise<unknown>;
    eachNode(visit: (config: { id: string }) => void): void;
  };
}

/** A node as the runtime knows it. */
interface WiredNode extends Node {
  readonly wires: readonly (readonly string[])[];
  updateWires(wires: readonly (readonly string[])[]): void;
}

/**
 * Deploys a changed flow as the editor does.
 *
 * @param making called when all nodes are made, before the deploy is over: for what nodes of other packages do then.
 */
export async function deploy(
  nodes: readonly FlowNode[],
  type: 'full' | 'nodes' | 'flows',
  making: () => void = () => undefined,
): Promise<void> {
  const { _events, _redNodes } = helper as unknown as Runtime;
  note();
  _events.prependOnceListener('flows:started', making);
  const started = once(_events, 'flows:started');
  await _redNodes.setFlows(placed(nodes), {}, type);
  await within(started, 'the flows to start');
}

/** Deploys a flow that Node-RED does not start, such as one with a node of an unknown type; resolves when it said so. */
export async function deployUnstarted(nodes: readonly FlowNode[], type: 'full' | 'nodes' | 'flows'): Promise<void> {
  const { _events, _redNodes } = helper as unknown as Runtime;
  note();
  const { promise, resolve } = deferred<void>();
  const hear = ({ payload }: { payload?: { error?: string } }): void => {
    if (payload?.error !== undefined) resolve();
  };
  _events.on('runtime-event', hear);
  try {
    await _redNodes.setFlows(placed(nodes), {}, type);
    await within(promise, 'Node-RED to say that it does not start');
  } finally {
    _events.off('runtime-event', hear);
  }
}

let running = false;

/** Nodes of this flow, those that a deploy closed too. Those of earlier ones may report something still, which is not its. */
let own = new WeakSet<Node>();

/** Notes the nodes that run now. */
function note(): void {
  for (const each of nodesNow()) own.add(each);
}

function nodesNow(): readonly WiredNode[] {
  const nodes: WiredNode[] = [];
  (helper as unknown as Runtime)._redNodes.eachNode(({ id }) => {
    const found = helper.getNode(id) as WiredNode | null;
    if (found !== null) nodes.push(found);
  });
  return nodes;
}

/** Ends the flow, if one runs, as a person does who deletes it: nothing of it is kept. */
export async function stopFlow(): Promise<void> {
  if (!running) return;
  running = false;
  await deploy([], 'full');
  await helper.unload();
}

/** Ends the flow as a stop of Node-RED does, and starts it again in the same process. */
export async function restartFlow(nodes: readonly FlowNode[]): Promise<void> {
  await helper.unload();
  await startFlow(nodes);
}

export function node(id: string): Node {
  const found = helper.getNode(id) as Node | null;
  if (found === null) throw new Error(`there is no node ${id}`);
  return found;
}

/** Resolves with the next message that arrives at the node. */
export async function nextMessage(id: string): Promise<NodeMessage & Record<string, unknown>> {
  const [msg] = (await within(once(node(id), 'input'), `a message at ${id}`)) as [
    NodeMessage & Record<string, unknown>,
  ];
  return msg;
}

/** Every message that arrives at the node from now on. */
export function collect(id: string): (NodeMessage & Record<string, unknown>)[] {
  const messages: (NodeMessage & Record<string, unknown>)[] = [];
  node(id).on('input', (msg) => messages.push(msg));
  return messages;
}

/**
 * Ends the recording of calls, which costs far more than a message does: for tests with very many of them.
 * From here on `statuses` and `errors` know nothing.
 */
export function stopRecording(): void {
  (helper as unknown as { _sandbox: { restore(): void } })._sandbox.restore();
  // A node that is wired has the recorded `send` as one of its own, until its wires are set again.
  for (const each of nodesNow()) each.updateWires(each.wires);
}

/** The calls of a method of one node, from the start of the flow on. */
function callsOf(id: string, method: 'status' | 'error' | 'warn' | 'log'): unknown[][] {
  note();
  // A node may have a method of its own in front of the one that is recorded.
  const spy = (Object.getPrototypeOf(node(id)) as Node)[method] as unknown as {
    getCalls(): { thisValue: Node; args: unknown[] }[];
  };
  return spy
    .getCalls()
    .filter(({ thisValue }) => thisValue.id === id && own.has(thisValue))
    .map(({ args }) => args);
}

/** The statuses that a node has shown, in order, as `fill shape text`; a text of ours as the English editor shows it. */
export function statuses(id: string): string[] {
  return callsOf(id, 'status').map(([status]) => {
    const { fill, shape, text } = status as { fill: string; shape: string; text: string };
    return `${fill} ${shape} ${text.startsWith(NAMESPACE) ? inEnglish(text) : text}`;
  });
}

/** What a node has reported with `node.error`, as text. */
export function errors(id: string): string[] {
  return callsOf(id, 'error').map(([error]) => (error instanceof Error ? error.message : String(error)));
}

export { helper };
