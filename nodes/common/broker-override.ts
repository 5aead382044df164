import { ANNOUNCEMENTS, CONNECTION_FIELDS, type StoredConnection } from './config.ts';

/** `msg.broker` of the action `connect`; anything may be in it. */
export type BrokerOverride = Readonly<Record<string, unknown>>;

/** Fields that `msg.broker` may call otherwise too, the name that counts more first. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  verifyCertificate: ['verifyCertificate', 'verifyservercert'],
  userProps: ['userProperties', 'userProps'],
  sessionExpiry: ['sessionExpiry', 'sessionExpiryInterval'],
};

/** The stored connection with what `msg.broker` says in place of its own fields; fields that it does not name stay. */
export function overridden(stored: StoredConnection, broker: BrokerOverride): StoredConnection {
  const fields: Record<string, unknown> = {};
  for (const field of CONNECTION_FIELDS) {
    const name = (NAMES[field] ?? [field]).find((each) => Object.hasOwn(broker, each));
    if (name !== undefined) fields[field] = broker[name];
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
