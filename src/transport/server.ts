import { InvalidServer } from '../protocol/errors.ts';

export type Scheme = 'mqtt' | 'mqtts' | 'ws' | 'wss';

/** Where a Server listens. */
export interface ServerAddress {
  readonly scheme: Scheme;
  /** Host name or IP address, an IPv6 one without brackets. */
  readonly host: string;
  readonly port: number;
  /** Path and query of a WebSocket URL; empty for TCP and TLS. */
  readonly path: string;
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  mqtt: 'mqtt',
  tcp: 'mqtt',
  mqtts: 'mqtts',
  ssl: 'mqtts',
  tls: 'mqtts',
  ws: 'ws',
  wss: 'wss',
};

const DEFAULT_PORTS: Readonly<Record<Scheme, number>> = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 };

/**
 * Reads `mqtt://host[:port]`, `mqtts://`, `ws://host[:port]/path`, `wss://`; also `tcp://`, `ssl://`, `tls://`.
 * @throws {InvalidServer} for anything else. A password or query in the URL is not repeated in the message.
 */
export function parseServer(url: string): ServerAddress {
  const parsed = parseUrl(url);
  const scheme = parsed === undefined ? undefined : SCHEMES[parsed.protocol.slice(0, -1)];
  const host = parsed === undefined ? undefined : decoded(parsed.hostname);
  if (parsed === undefined || scheme === undefined || host === undefined || host === '') {
    throw new InvalidServer(withoutSecrets(url));
  }
  const overWebSocket = scheme === 'ws' || scheme === 'wss';
  return {
    scheme,
    host: host.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? DEFAULT_PORTS[scheme] : Number(parsed.port),
    path: overWebSocket ? parsed.pathname + parsed.search : '',
  };
}

/** undefined: its percent signs do not stand for UTF-8. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** A text that may be a URL: without all that stands before an @, where passwords are, and without its query. */
function withoutSecrets(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1…@').replace(/\?.*$/s, '');
}

/** The address as a person reads it, without query, because tokens travel there. */
export function describeServer({ scheme, host, port, path }: ServerAddress): string {
  const shownPath = path === '/' ? '' : path.replace(/\?.*$/, '');
  return `${scheme}://${bracketed(host)}:${port}${shownPath}`;
}

/** The URL that a WebSocket dials. */
export function webSocketUrl({ scheme, host, port, path }: ServerAddress): string {
  return `${scheme}://${bracketed(host)}:${port}${path}`;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Undefined for what is no URL, also where a percent sign of its host escapes nothing. */
function parseUrl(url: string): URL | undefined {
  if (!URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  return /%(?![0-9a-f]{2})/i.test(parsed.hostname) ? undefined : parsed;
}
