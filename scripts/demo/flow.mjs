import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

const EXAMPLE = new URL('../../examples/host-monitor.json', import.meta.url);
const EXAMPLE_HOST = 'my-host';

/** Where the connections of the example file point before the demo points them at its broker. */
export const EXAMPLE_BROKER = { broker: 'localhost', port: '1883' };

/**
 * The example flow with this computer's name in it.
 *
 * @returns {object[]}
 */
export function demoFlow() {
  return JSON.parse(readFileSync(EXAMPLE, 'utf8').replaceAll(EXAMPLE_HOST, hostLevel()));
}

// One level of a topic: without `/`, `+`, `#`, and without what JSON would have to escape.
function hostLevel() {
  return hostname().replaceAll(/[^\w.-]/g, '-') || 'this-host';
}

/**
 * The fields of a connection that name its broker. A whole URL stands where the host stands, and then has no port.
 *
 * @param {{ url?: URL, port?: number }} broker another broker's URL, or the built-in one's port
 */
export function brokerFields({ url, port }) {
  return url === undefined ? { broker: '127.0.0.1', port: String(port) } : { broker: withoutSecret(url), port: '' };
}

/** The connections of a flow that point at this broker. */
export function connectionsTo(flow, { broker, port }) {
  const pointsThere = (node) => node.broker === broker && String(node.port ?? '') === port;
  return flow.filter((node) => node.type === 'mqtt-connection' && pointsThere(node));
}

/** The flow with these connections pointed at another broker, and everything else as it was. */
export function pointAt(flow, connections, fields) {
  return flow.map((node) => (connections.includes(node) ? { ...node, ...fields } : node));
}

/** The user name and password in a URL, as a connection stores them; `undefined` where it names no user. */
export function credentialsIn(url) {
  if (url === undefined || url.username === '') return undefined;
  return { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
}

function withoutSecret(url) {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare.href;
}
