import { toObject } from '../common/message.ts';
import { TypeView } from '../mqtt-connection/type-view.ts';
import { type OutDef, outDefaults } from './out-defaults.ts';

/** What an `mqtt-out` shows. */
export interface OutShown {
  readonly def: OutDef;
  readonly brokerConn: unknown;
}

/** What `mqtt out` shows, for all nodes of the type. */
export function outView(type: { readonly prototype: object }): TypeView<OutShown> {
  return new TypeView<OutShown>(type, {
    broker: ({ def }) => def.broker,
    brokerConn: ({ brokerConn }) => brokerConn,
    topic: ({ def }) => def.topic,
    qos: ({ def }) => def.qos || null,
    retain: ({ def }) => def.retain,
    responseTopic: ({ def }) => def.respTopic,
    correlationData: ({ def }) => def.correl,
    contentType: ({ def }) => def.contentType,
    messageExpiryInterval: ({ def }) => def.expiry,
    userProperties: ({ def }) => toObject(outDefaults(def).userProperties ?? []),
  });
}
