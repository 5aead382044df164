import { sinkOf, type Setup, SETUPS, type Stream, STREAMS, widerFilterOf, widerSinkOf } from './streams.ts';

/** A node as a flow file holds it. */
export type FlowNode = Readonly<Record<string, unknown>>;

export const TAB = 'traffic';
/** Deploys never change it: its nodes stand still while their neighbours on the same connection go and come. */
const QUIET_TAB = 'quiet';

/**
 * The flow under test: one connection per setup, each with an mqtt-out per outgoing and an mqtt-in per incoming stream,
 * and on another tab one mqtt-in on all incoming streams together.
 *
 * @param portOf where a setup's connection is dialled, on 127.0.0.1
 * @param edition any number: with another one the mqtt-in nodes, and what is wired to them, have changed
 */
export function flowUnderTest(portOf: (setup: Setup) => number, edition: number): FlowNode[] {
  return [
    { id: TAB, type: 'tab', label: TAB },
    { id: QUIET_TAB, type: 'tab', label: QUIET_TAB },
    ...SETUPS.map((setup) => connectionNode(setup, portOf(setup))),
    ...STREAMS.filter(({ direction }) => direction === 'out').map(outNode),
    ...STREAMS.filter(({ direction }) => direction === 'in').flatMap((stream) => inNodes(stream, edition, SINK)),
    ...SETUPS.flatMap(widerNodes),
  ];
}

export function connectionNode({ id, version, session }: Setup, port: number): FlowNode {
  return {
    id,
    type: 'mqtt-connection',
    broker: '127.0.0.1',
    port: String(port),
    clientid: `long run ${id}`,
    protocolVersion: String(version),
    cleansession: session === 'clean',
    sessionExpiry: session === 'kept' && version === 5 ? '3600' : '',
    keepalive: '60',
    autoConnect: true,
    // Else an orderly stop gives up the subscriptions: what comes meanwhile is then for nobody, as ordered.
    autoUnsubscribe: false,
  };
}

export function outNode({ node, setup, topic, qos }: Stream): FlowNode {
  return {
    id: node,
    type: 'mqtt-out',
    ...ON_TAB,
    broker: setup.id,
    topic,
    qos: String(qos),
    retain: 'false',
    wires: [],
  };
}

// The mqtt-in stands before the node that it is wired to, as flow files usually have it.
export function inNodes(stream: Stream, edition: number, sinkType: string): FlowNode[] {
  const { node, setup, topic, qos } = stream;
  const sink = sinkOf(stream, 'node');
  const name = `edition ${edition}`;
  return [
    { ...IN, ...ON_TAB, id: node, name, broker: setup.id, topic, qos: String(qos), wires: [[sink]] },
    { id: sink, type: sinkType, ...ON_TAB, name, wires: [] },
  ];
}

function widerNodes(setup: Setup): FlowNode[] {
  const { id } = setup;
  const sink = widerSinkOf(setup);
  return [
    { ...IN, ...ON_QUIET_TAB, id: `${id}-wider`, broker: id, topic: widerFilterOf(setup), qos: '2', wires: [[sink]] },
    { id: sink, type: SINK, ...ON_QUIET_TAB, wires: [] },
  ];
}

const SINK = 'reliability-sink';
export const ON_TAB = { z: TAB, x: 0, y: 0 };
const ON_QUIET_TAB = { z: QUIET_TAB, x: 0, y: 0 };
const IN = { type: 'mqtt-in', datatype: 'utf8', nl: false, rap: true, rh: 0, inputs: 0 };
