/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} title what the table calls it
 * @property {'in' | 'out' | 'none'} direction
 * @property {0 | 1} qos
 * @property {number} nodes how many mqtt-in nodes, each on a topic of its own; messages go to them in turn
 * @property {boolean} subscriptionIds whether the broker has Subscription Identifiers and sends them back
 * @property {{ core: number, posthorn: number }} messages per measured window; fewer where each costs more
 * @property {'memory' | 'disk' | 'fsync'} [store] where these nodes keep the session; default `memory`, as the core nodes do
 * @property {{ kind: 'text' | 'buffer' | 'json', bytes: number }} [payload] default 64 bytes as a Buffer
 * @property {number | undefined} target at least this many times less CPU than the core nodes
 */

const SAME = (messages) => ({ core: messages, posthorn: messages });
const ONE = { nodes: 1, subscriptionIds: true, target: 2 };
const MANY = { direction: 'in', qos: 0, nodes: 1000 };

const KIB = 1024;
const SIZES = [
  [16 * KIB, '16 KiB', 6_000],
  [64 * KIB, '64 KiB', 2_000],
  [256 * KIB, '256 KiB', 600],
  [1024 * KIB, '1 MiB', 150],
  [8192 * KIB, '8 MiB', 20],
];

/** @returns {Case[]} one for each size, kind and QoS, in one direction */
function largeCases(direction, kinds) {
  return SIZES.flatMap(([bytes, size, messages]) =>
    kinds.flatMap((kind) =>
      [0, 1].map((qos) => ({
        name: `${direction}-qos${qos}-${kind}-${size.replace(' ', '').toLowerCase()}`,
        title: `${direction}, QoS ${qos}, ${kind} of ${size}`,
        direction,
        qos,
        messages: SAME(messages),
        payload: { kind, bytes },
        ...ONE,
        target: 1.3,
      })),
    ),
  );
}

/** @type {readonly Case[]} */
export const CASES = [
  { name: 'in-qos0', title: 'in, QoS 0, 1 node', direction: 'in', qos: 0, messages: SAME(200_000), ...ONE },
  { name: 'in-qos1', title: 'in, QoS 1, 1 node', direction: 'in', qos: 1, messages: SAME(120_000), ...ONE },
  {
    name: 'in-qos0-1000',
    title: 'in, QoS 0, 1,000 nodes',
    messages: { core: 3_000, posthorn: 200_000 },
    subscriptionIds: false,
    target: 40,
    ...MANY,
  },
  {
    name: 'in-qos0-1000-ids',
    title: 'the same, broker with Subscription Identifiers',
    messages: { core: 40_000, posthorn: 200_000 },
    subscriptionIds: true,
    target: undefined,
    ...MANY,
  },
  { name: 'out-qos0', title: 'out, QoS 0', direction: 'out', qos: 0, messages: SAME(120_000), ...ONE },
  { name: 'out-qos1', title: 'out, QoS 1', direction: 'out', qos: 1, messages: SAME(80_000), ...ONE },
  {
    name: 'out-qos1-disk',
    title: 'the same, session on disk',
    direction: 'out',
    qos: 1,
    messages: SAME(80_000),
    ...ONE,
    store: 'disk',
  },
  {
    name: 'alone',
    title: 'Node-RED alone (source → sink)',
    direction: 'none',
    qos: 0,
    messages: SAME(400_000),
    ...ONE,
    target: undefined,
  },
  ...largeCases('in', ['text', 'buffer', 'json']),
  ...largeCases('out', ['text', 'buffer']),
];
