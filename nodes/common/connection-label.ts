import { isUrl } from './broker-address.ts';

export interface LabelledConnection {
  readonly name?: string;
  readonly broker?: string;
  readonly port?: string | number;
  readonly clientid?: string;
}

/** What a connection is called in lists: its name, else `[client id@]broker[:port]`. */
export function connectionLabel({ name, broker, port, clientid }: LabelledConnection): string {
  if (name) return name;
  const host = broker || 'localhost';
  const client = clientid ? `${clientid}@` : '';
  return client + (isUrl(host) ? host : `${host}:${port || 1883}`);
}
