import { isUrl, withoutLogin } from './broker-address.ts';

/** As it is stored, where anything may stand. */
export interface LabelledConnection {
  readonly name?: unknown;
  readonly broker?: unknown;
  readonly port?: unknown;
  readonly clientid?: unknown;
}

/** What a connection is called in lists: its name, else `[client id@]broker[:port]`, without the login of a URL. */
export function connectionLabel(connection: LabelledConnection): string {
  const name = textOf(connection.name);
  if (name !== '') return name;
  const host = withoutLogin(textOf(connection.broker)) || 'localhost';
  const clientId = textOf(connection.clientid);
  const client = clientId === '' ? '' : `${clientId}@`;
  return client + (isUrl(host) ? host : `${host}:${textOf(connection.port) || 1883}`);
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
