import type { NodeAPI } from 'node-red';
import { onFlows } from '../mqtt-connection/flow-events.ts';
import { liveConnections } from '../mqtt-connection/live-connections.ts';
import { serveConnections } from './connection-endpoints.ts';
import { serveTopics } from './topic-endpoints.ts';
import { TopicWatches } from './topic-watches.ts';

/** The published types only know how to look for plugins. */
interface Plugins {
  registerPlugin(id: string, definition: object): void;
}

const watches = new TopicWatches(liveConnections);

/** One for all calls of `register`. */
const LISTENER = {
  started: () => watches.prune(),
  unstarted: () => watches.prune(),
  stopped: () => watches.prune(),
};

/** The runtime's half of the sidebar "MQTT": it does nothing but answer. */
export = function register(RED: NodeAPI): void {
  (RED.plugins as unknown as Plugins).registerPlugin('posthorn-mqtt-sidebar', {});
  onFlows(RED.events, LISTENER);
  serveConnections(RED, liveConnections);
  serveTopics(RED, liveConnections, watches);
};
