import type { StoredConnection } from './config.ts';

/** `msg.broker` of the action `connect`; anything may be in it. */
export type BrokerOverride = Readonly<Record<string, unknown>>;

/** Keys that mean the same in `msg.broker` as in a stored connection. */
const SAME = [
  'url',
  'broker',
  'port',
  'clientid',
  'autoConnect',
  'usetls',
  'verifyCertificate',
  'compatmode',
  'protocolVersion',
  'keepalive',
  'cleansession',
  'autoUnsubscribe',
  'topicAliasMaximum',
  'maximumPacketSize',
  'receiveMaximum',
] as const;

/** Keys under another name, the one that counts more first. */
const RENAMED = [
  ['verifyCertificate', ['verifyservercert']],
  ['userProps', ['userProperties', 'userProps']],
  ['sessionExpiry', ['sessionExpiry', 'sessionExpiryInterval']],
] as const;

const ANNOUNCEMENTS = ['birth', 'close', 'will'] as const;

/** The stored connection with what `msg.broker` says in place of its own fields; fields that it does not name stay. */
export function overridden(stored: StoredConnection, broker: BrokerOverride): StoredConnection {
  const fields: Record<string, unknown> = {};
  for (const key of SAME) if (Object.hasOwn(broker, key)) fields[key] = broker[key];
  for (const [field, names] of RENAMED) {
    const name = names.find((each) => Object.hasOwn(broker, each));
    if (name !== undefined && !Object.hasOwn(fields, field)) fields[field] = broker[name];
  }
  for (const kind of ANNOUNCEMENTS) {
    if (Object.hasOwn(broker, kind)) Object.assign(fields, announcementFields(kind, broker[kind]));
  }
  // A URL of an earlier message would win over the host that this one names.
  if (namesHost(broker) && !Object.hasOwn(fields, 'url')) fields['url'] = '';
  return { ...stored, ...fields };
}

function namesHost(broker: BrokerOverride): boolean {
  return Object.hasOwn(broker, 'broker') || Object.hasOwn(broker, 'port');
}

/** Anything but an object takes the message away. */
function announcementFields(kind: (typeof ANNOUNCEMENTS)[number], message: unknown): Record<string, unknown> {
  const { topic, payload, qos, retain, properties } = (
    typeof message === 'object' && message !== null ? message : {}
  ) as BrokerOverride;
  return {
    [`${kind}Topic`]: topic,
    [`${kind}Payload`]: payload,
    [`${kind}Qos`]: qos,
    [`${kind}Retain`]: retain,
    [`${kind}Msg`]: properties,
  };
}
