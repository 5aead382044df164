import type { Node } from 'node-red';
import { toObject } from '../common/message.ts';
import { addView } from '../mqtt-connection/view.ts';
import { type OutDef, outDefaults } from './out-defaults.ts';

/** Adds what `mqtt out` shows. */
export function addOutView(node: Node, def: OutDef, brokerConn: unknown): void {
  addView(node, {
    broker: () => def.broker,
    brokerConn: () => brokerConn,
    topic: () => def.topic,
    qos: () => def.qos || null,
    retain: () => def.retain,
    responseTopic: () => def.respTopic,
    correlationData: () => def.correl,
    contentType: () => def.contentType,
    messageExpiryInterval: () => def.expiry,
    userProperties: () => toObject(outDefaults(def).userProperties ?? []),
  });
}
