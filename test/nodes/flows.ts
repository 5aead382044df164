import { until } from '../support/events.ts';
import { FakeBroker, type Answers, type FakePeer } from '../support/fake-broker.ts';
import { type FlowNode, helper, node, statuses } from '../support/flow.ts';

export const CONNECTED = 'green dot node-red:common.status.connected';
export const CONNECTING = 'yellow ring node-red:common.status.connecting';
export const DISCONNECTED = 'red ring node-red:common.status.disconnected';

/** A node of Node-RED's runtime with whatever properties it shows. */
export type Shown = ReturnType<typeof node> & Record<string, unknown>;

export function shown(id: string): Shown {
  return node(id) as Shown;
}

/** The connection `c` to a broker on this host, MQTT 3.1.1 unless told otherwise. */
export function connection(port: number, more: object = {}): FlowNode {
  return { id: 'c', type: 'mqtt-connection', broker: '127.0.0.1', port, clientid: 'posthorn', ...more };
}

/** As {@link connection}, with MQTT 5. */
export function connection5(port: number, more: object = {}): FlowNode {
  return connection(port, { protocolVersion: '5', ...more });
}

/** The mqtt-in `in`, wired to the helper `h`. */
export function mqttIn(more: object = {}): FlowNode {
  return { id: 'in', type: 'mqtt-in', broker: 'c', topic: 'a/#', qos: '2', datatype: 'utf8', wires: [['h']], ...more };
}

/** The mqtt-in `in` that messages subscribe. */
export function dynamicIn(more: object = {}): FlowNode {
  return mqttIn({ topic: '', inputs: 1, ...more });
}

export function mqttOut(more: object = {}): FlowNode {
  return { id: 'out', type: 'mqtt-out', broker: 'c', topic: '', qos: '', retain: '', ...more };
}

/** `h` behind mqtt-in, `caught` behind a Catch node, `completed` behind a Complete node for `in` and `out`. */
export const HELPERS: readonly FlowNode[] = [
  { id: 'h', type: 'helper' },
  { id: 'catch', type: 'catch', wires: [['caught']] },
  { id: 'caught', type: 'helper' },
  { id: 'complete', type: 'complete', scope: ['in', 'out'], wires: [['completed']] },
  { id: 'completed', type: 'helper' },
];

/** A broker that agrees to everything, and its next connection. */
export async function agreeing(answers: Answers = {}, options: object = {}): Promise<FakeBroker> {
  return FakeBroker.listen({ autoRespond: answers, ...options });
}

/** Resolves with the peer behind a node once the node shows that it is connected. */
export async function connected(broker: FakeBroker, id = 'in'): Promise<FakePeer> {
  const peer = await broker.accept();
  await peer.expect('connect');
  await until(() => statuses(id).at(-1) === CONNECTED, `${id} is connected`);
  return peer;
}

/** What the messages carry, in the order in which they came. */
export function payloads(messages: readonly { payload?: unknown }[]): unknown[] {
  return messages.map(({ payload }) => payload);
}

/** Grants every filter of the next SUBSCRIBE at the QoS that it asks for; the filters. */
export async function grant(peer: FakePeer): Promise<string[]> {
  const { messageId = 0, subscriptions } = await peer.expect('subscribe');
  peer.send({ cmd: 'suback', messageId, granted: subscriptions.map(({ qos }) => qos) });
  return subscriptions.map(({ topic }) => topic);
}

/** Resolves once all the nodes show that they are connected. */
export async function showConnected(...ids: string[]): Promise<void> {
  await until(() => ids.every((id) => statuses(id).at(-1) === CONNECTED), `${ids.join(', ')} connected`);
}

type LogMethod = 'log' | 'warn' | 'error';

interface Call {
  readonly callId: number;
  readonly thisValue: { readonly id: string };
  readonly args: readonly unknown[];
}

/** The lines that a node wrote to the log with these methods, in their order. */
export function lines(id: string, ...methods: readonly LogMethod[]): string[] {
  return methods
    .flatMap((method) => callsOf(id, method))
    .sort((one, other) => one.callId - other.callId)
    .map(({ args: [text] }) => (text instanceof Error ? text.message : String(text)));
}

function callsOf(id: string, method: LogMethod): Call[] {
  const shared = Object.getPrototypeOf(node(id)) as ReturnType<typeof node>;
  const spy = shared[method] as unknown as { getCalls(): Call[] };
  return spy.getCalls().filter(({ thisValue }) => thisValue.id === id);
}

export { helper };
