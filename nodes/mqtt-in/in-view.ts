import type { Node } from 'node-red';
import { datatypeOf } from '../common/decode.ts';
import { subscriptionOptions } from '../common/subscription-options.ts';
import { addView } from '../mqtt-connection/view.ts';
import { type InDef, isDynamic } from './in-def.ts';

/** Adds what `mqtt in` shows. `dynamic` tells the subscriptions that messages made. */
export function addInView(
  node: Node,
  def: InDef,
  brokerConn: unknown,
  dynamic: () => readonly { topic: string }[],
): void {
  addView(node, {
    broker: () => def.broker,
    brokerConn: () => brokerConn,
    topic: () => def.topic,
    qos: () => subscriptionOptions(def, 2).qos,
    datatype: () => datatypeOf(def.datatype),
    isDynamic: () => isDynamic(def),
    inputs: () => def.inputs,
    nl: () => def.nl,
    rap: () => def.rap,
    rh: () => def.rh,
    dynamicSubs: () => Object.fromEntries(dynamic().map((subscription) => [subscription.topic, subscription])),
  });
}
