import type { StoredNode } from './stored-node.ts';

export type CoreType = 'mqtt in' | 'mqtt out' | 'mqtt-broker';
export type OwnType = 'mqtt-in' | 'mqtt-out' | 'mqtt-connection';

/** Node-RED's own MQTT node types, with ours in their place. */
export const OWN_TYPE: Readonly<Record<CoreType, OwnType>> = {
  'mqtt in': 'mqtt-in',
  'mqtt out': 'mqtt-out',
  'mqtt-broker': 'mqtt-connection',
};

export interface CoreNode extends StoredNode {
  readonly type: CoreType;
}

/** Whether it is one of Node-RED's own MQTT nodes that a flow is drawn with. */
export function isCoreFlowNode(node: StoredNode): node is CoreNode {
  return node.type === 'mqtt in' || node.type === 'mqtt out';
}

export function isBroker(node: StoredNode): node is CoreNode {
  return node.type === 'mqtt-broker';
}
