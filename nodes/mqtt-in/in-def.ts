import type { NodeDef } from 'node-red';
import type { StoredAcknowledge } from '../common/acknowledge.ts';
import type { StoredSubscription } from '../common/subscription-options.ts';

/** An mqtt-in as flows store it: the fields of Node-RED's own node and ours, any of which may be missing. */
export interface InDef extends NodeDef, StoredSubscription, StoredAcknowledge {
  readonly broker?: unknown;
  readonly topic?: unknown;
  readonly datatype?: unknown;
  /** 1: subscribed by messages. */
  readonly inputs?: unknown;
}

export function isDynamic({ inputs }: InDef): boolean {
  return inputs === 1 || inputs === '1';
}
