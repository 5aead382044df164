import { isUrl, withoutLogin } from './broker-address.ts';

export interface LabelledConnection {
  readonly name?: string;
  readonly broker?: string;
  readonly port?: string | number;
  readonly clientid?: string;
}

/** What a connection is called in lists: its name, else `[client id@]broker[:port]`, without the login of a URL. */
export function connectionLabel({ name, broker, port, clientid }: LabelledConnection): string {
  if (name) return name;
  const host = broker || 'localhost';
  const client = clientid ? `${clientid}@` : '';
  return client + (isUrl(host) ? withoutLogin(host) : `${host}:${port || 1883}`);
}
