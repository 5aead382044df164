import { brokerAddress } from '../common/broker-address.ts';
import { SEEN_TOPICS_PATH } from '../common/sidebar-answers.ts';
import type { StoredNode } from '../editor/red.ts';
import { TOPIC_SOURCE } from '../editor/topic-completion.ts';
import { ask } from './ask.editor.ts';
import { sidebarRed } from './sidebar-red.editor.ts';
import { offeredTopics } from './offered-topics.editor.ts';

/** Connections that are asked for one field. */
const MOST_CONNECTIONS = 5;

interface Context {
  readonly node?: StoredNode;
}

/** Offers topics wherever the editor completes them, in Node-RED's own MQTT nodes too. */
export function offerTopics(): void {
  sidebarRed().plugins.registerPlugin('posthorn-mqtt-topics', { type: TOPIC_SOURCE, getCompletions });
}

async function getCompletions(value: string, { node }: Context): Promise<string[]> {
  const seen = await Promise.all(connectionsOf(node).map((id) => seenTopics(id, value)));
  const publishes = node?.type === 'mqtt-out' || node?.type === 'mqtt out';
  return offeredTopics(value, [...seen.flat(), ...namedTopics(allNodes())], publishes);
}

/** Without them what the flows name is left. */
async function seenTopics(connection: string, value: string): Promise<readonly string[]> {
  const path = `${SEEN_TOPICS_PATH}/${encodeURIComponent(connection)}?text=${encodeURIComponent(value.slice(0, 1000))}`;
  try {
    return (await ask<{ readonly topics: readonly string[] }>('GET', path))?.topics ?? [];
  } catch {
    return [];
  }
}

function namedTopics(nodes: readonly StoredNode[]): string[] {
  return nodes.flatMap(({ type, topic }) => (MQTT_TYPES.has(type) && typeof topic === 'string' ? [topic] : []));
}

const MQTT_TYPES: ReadonlySet<string> = new Set(['mqtt-in', 'mqtt-out', 'mqtt in', 'mqtt out']);

/** The connection of the node whose dialog is open; of one of Node-RED's own nodes those to the same broker. */
function connectionsOf(node: StoredNode | undefined): string[] {
  const chosen = $('#node-input-broker').val() ?? node?.['broker'];
  const broker = typeof chosen === 'string' ? RED.nodes.node(chosen) : undefined;
  if (broker === undefined || broker === null) return [];
  if (broker.type === 'mqtt-connection') return [broker.id];
  const found: string[] = [];
  RED.nodes.eachConfig((other) => {
    if (other.type === 'mqtt-connection' && addressOf(other) === addressOf(broker)) found.push(other.id);
  });
  return found.slice(0, MOST_CONNECTIONS);
}

function addressOf(connection: StoredNode): string {
  const { broker, port } = connection;
  return brokerAddress(
    typeof broker === 'string' ? broker : '',
    typeof port === 'number' || typeof port === 'string' ? port : undefined,
  );
}

function allNodes(): StoredNode[] {
  const found: StoredNode[] = [];
  RED.nodes.eachNode((node) => void found.push(node));
  return found;
}
