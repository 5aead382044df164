import type { NodeAPI } from 'node-red';
import { liveConnections } from '../mqtt-connection/live-connections.ts';
import { serveMetrics } from './metrics-endpoints.ts';

/** The published types only know how to look for plugins. */
interface Plugins {
  registerPlugin(id: string, definition: object): void;
}

/** What programs outside of Node-RED ask of the connections. */
export = function register(RED: NodeAPI): void {
  (RED.plugins as unknown as Plugins).registerPlugin('posthorn-mqtt-metrics', {});
  serveMetrics(RED, liveConnections);
};
