import { datatypeOf } from '../common/decode.ts';
import { subscriptionOptions } from '../common/subscription-options.ts';
import { TypeView } from '../mqtt-connection/type-view.ts';
import { type InDef, isDynamic } from './in-def.ts';

/** What an `mqtt-in` shows. */
export interface InShown {
  readonly def: InDef;
  readonly brokerConn: unknown;
  /** The subscriptions that messages made. */
  readonly dynamic: { readonly list: readonly { topic: string }[] };
}

/** What `mqtt in` shows, for all nodes of the type. */
export function inView(type: { readonly prototype: object }): TypeView<InShown> {
  return new TypeView<InShown>(type, {
    broker: ({ def }) => def.broker,
    brokerConn: ({ brokerConn }) => brokerConn,
    topic: ({ def }) => def.topic,
    qos: ({ def }) => subscriptionOptions(def, 2).qos,
    datatype: ({ def }) => datatypeOf(def.datatype),
    isDynamic: ({ def }) => isDynamic(def),
    inputs: ({ def }) => def.inputs,
    nl: ({ def }) => def.nl,
    rap: ({ def }) => def.rap,
    rh: ({ def }) => def.rh,
    dynamicSubs: ({ dynamic }) =>
      Object.fromEntries(dynamic.list.map((subscription) => [subscription.topic, subscription])),
  });
}
