import type { NodeDef } from 'node-red';
import type { SettledBy } from '../../src/index.ts';
import type { OutDefaults } from '../common/message.ts';
import { filled, qosOf, userPropertiesOf } from '../common/stored.ts';

/** An mqtt-out as flows store it: the fields of Node-RED's own node, any of which may be missing. */
export interface OutDef extends NodeDef {
  readonly broker?: unknown;
  readonly topic?: unknown;
  readonly qos?: unknown;
  readonly retain?: unknown;
  readonly respTopic?: unknown;
  readonly correl?: unknown;
  readonly contentType?: unknown;
  readonly expiry?: unknown;
  readonly userProps?: unknown;
  /** When a message is done: `broker`: the broker has it (default); `stored`: it is stored. */
  readonly completes?: unknown;
}

/** By whom a message of the node is done. */
export function settledBy({ completes }: OutDef): SettledBy {
  return completes === 'stored' ? 'store' : 'server';
}

/** What the node itself says; a field that it does not fill is left to the message. */
export function outDefaults(def: OutDef): OutDefaults {
  return {
    topic: filled(def.topic),
    // The editor stores text; a bare 0 is what older flows have where nothing was chosen.
    qos: def.qos === 0 ? undefined : qosOf(def.qos),
    retain: chosenRetain(def.retain),
    responseTopic: filled(def.respTopic),
    correlationData: filled(def.correl),
    contentType: filled(def.contentType),
    messageExpiryInterval: def.expiry === '' || def.expiry === null ? undefined : def.expiry,
    userProperties: userPropertiesOf(def.userProps),
  };
}

/** Likewise a bare false: only the text `false` was chosen. */
function chosenRetain(value: unknown): boolean | undefined {
  if (value === 'true' || value === true) return true;
  return value === 'false' ? false : undefined;
}
