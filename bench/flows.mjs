/** The topic of the n-th node; all have the same length, so that every message has. */
export function topicOf(index) {
  return `bench/topic/${String(index).padStart(4, '0')}`;
}

/** The id of the node whose status tells that the connection is up. */
export const WATCHED = 'watched';

const TAB = { id: 'tab', type: 'tab', label: 'bench' };

/**
 * @param {import('./implementations.mjs').Implementation} implementation
 * @param {import('./cases.mjs').Case} benchCase
 * @param {number} port the peer's
 * @returns {object[]} the nodes of a flow file
 */
export function flowFor(implementation, benchCase, port) {
  switch (benchCase.direction) {
    case 'in':
      return [
        TAB,
        connection(implementation, port, benchCase),
        ...inNodes(implementation, benchCase),
        sink(true, benchCase.workMicros),
      ];
    case 'out':
      return [
        TAB,
        connection(implementation, port, benchCase),
        source(WATCHED, benchCase),
        outNode(implementation, benchCase),
      ];
    default:
      return [TAB, source('sink'), sink(false)];
  }
}

function connection({ types }, port, { watchTimers, store = 'memory' }) {
  return {
    id: 'connection',
    type: types.connection,
    broker: '127.0.0.1',
    port: String(port),
    clientid: 'bench',
    autoConnect: true,
    usetls: false,
    protocolVersion: '5',
    // A flood may take longer than that, and its chunks end within packets: no PINGRESP fits between them.
    keepalive: watchTimers ? '0' : '60',
    cleansession: true,
    autoUnsubscribe: true,
    sessionExpiry: '',
    sessionStore: store,
  };
}

const DATATYPES = { text: 'utf8', buffer: 'buffer', json: 'json' };

function inNodes({ types }, { nodes, qos, payload }) {
  return Array.from({ length: nodes }, (_, index) => ({
    id: index === 0 ? WATCHED : `in${index}`,
    type: types.in,
    z: TAB.id,
    topic: topicOf(index),
    qos: String(qos),
    datatype: DATATYPES[payload?.kind ?? 'buffer'],
    broker: 'connection',
    nl: false,
    rap: true,
    rh: 0,
    inputs: 0,
    wires: [['sink']],
  }));
}

function outNode({ types }, { qos }) {
  return {
    id: WATCHED,
    type: types.out,
    z: TAB.id,
    topic: '',
    qos: String(qos),
    retain: 'false',
    respTopic: '',
    contentType: '',
    userProps: '',
    correl: '',
    expiry: '',
    broker: 'connection',
    wires: [],
  };
}

function source(target, { payload } = {}) {
  return { id: 'source', type: 'bench-source', z: TAB.id, topic: topicOf(0), target, payload, wires: [[target]] };
}

function sink(metered, workMicros) {
  return { id: 'sink', type: 'bench-sink', z: TAB.id, metered, workMicros, wires: [] };
}
