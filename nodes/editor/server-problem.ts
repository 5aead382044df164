import { isUrl, withoutLogin } from '../common/broker-address.ts';

/** What is wrong with the server of a connection, as a key of the catalogue (`serverProblem.<key>`) and what its sentence names. */
export interface ServerProblem {
  readonly key: 'scheme' | 'address' | 'port';
  readonly values: Readonly<Record<string, string | number>>;
}

/** As the engine knows them. */
const SCHEMES = new Set(['mqtt', 'tcp', 'mqtts', 'ssl', 'tls', 'ws', 'wss']);

/** Scheme, login, host and port of a URL; by hand, because a browser may know no host where the scheme is not the web's. */
const URL_PARTS = /^([^:]*):\/\/(?:[^/?#]*@)?(\[[^\]]*\]|[^:/?#[\]]*)(?::([^/?#]*))?(?:[/?#].*)?$/s;

const IPV6 = /^\[[0-9a-f:.]*:[0-9a-f:.]*\]$/i;

/** What no host has; a percent sign must escape something. */
const FORBIDDEN_IN_HOST = /[\s\\^|<>[\]]|%(?![0-9a-f]{2})/i;

/** Why what stands in the field of the server is no address of a broker; blank is no problem of this kind. */
export function serverProblem(value: unknown): ServerProblem | undefined {
  const text = typeof value === 'string' ? value.trim() : '';
  // The runtime replaces it before it is used.
  if (text === '' || /^\$\{[^}]+\}$/.test(text)) return undefined;
  const server = withoutLogin(text);
  if (!isUrl(text)) return isHost(bracketed(text)) ? undefined : { key: 'address', values: { server } };
  const [, scheme = '', host = '', port = ''] = URL_PARTS.exec(text) ?? [];
  if (!SCHEMES.has(scheme.toLowerCase())) return { key: 'scheme', values: { server, scheme } };
  if (!isHost(host)) return { key: 'address', values: { server } };
  return isPort(port) ? undefined : { key: 'port', values: { server, port } };
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function isHost(host: string): boolean {
  if (host.startsWith('[')) return IPV6.test(host);
  return host !== '' && !/[:/?#@]/.test(host) && !FORBIDDEN_IN_HOST.test(host);
}

/** Empty: the default of the scheme. */
function isPort(port: string): boolean {
  return /^\d*$/.test(port) && Number(port) <= 65_535;
}
