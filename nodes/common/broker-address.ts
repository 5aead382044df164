const PORTS: Readonly<Record<string, string>> = {
  'mqtt:': '1883',
  'tcp:': '1883',
  'mqtts:': '8883',
  'ssl:': '8883',
  'tls:': '8883',
  'ws:': '80',
  'wss:': '443',
};

const DEFAULT_HOST = 'localhost';
const DEFAULT_PORT = '1883';

/** Whether the broker field holds a whole URL, which then says the port too. */
export function isUrl(broker: string): boolean {
  return broker.includes('://');
}

/** Whether what is dialled at this URL is encrypted. */
export function isSecureUrl(url: string): boolean {
  return /^(mqtts|ssl|tls|wss):/i.test(url);
}

/** `host:port` of a connection's two fields, in lower case, for comparing one broker with another. */
export function brokerAddress(broker: string, port: string | number | undefined): string {
  const name = broker.trim().toLowerCase();
  if (isUrl(name)) return urlAddress(name);
  const bare = name.replace(/^\[(.*)\]$/, '$1');
  return `${bare === '' ? DEFAULT_HOST : bare}:${port === undefined || port === '' ? DEFAULT_PORT : port}`;
}

/** The host of a URL alone, in lower case; of what is no URL, the whole text. */
export function brokerHost(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.toLowerCase() : url;
}

/**
 * A text that may be a URL, for a person to read: without all that stands before an @, where user name and password are,
 * whatever they are of; and without query and fragment, where tokens travel.
 */
export function withoutLogin(url: string): string {
  const text = url.trim();
  if (!isUrl(text) || !URL.canParse(text)) return text.replace(/^.*@/s, '').replace(/[?#].*$/s, '');
  const { protocol, host, pathname } = new URL(text);
  // Behind a password with a slash in it an @ may stand in what looks like the path.
  const path = pathname.includes('@') ? '/…' : pathname;
  return `${protocol}//${host}${path === '/' && !/\/\/[^/]*\//.test(text) ? '' : path}`;
}

function urlAddress(text: string): string {
  const match = /^([a-z]+:)\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?/.exec(text);
  if (match === null) return text;
  const [, scheme = '', host = '', port = ''] = match;
  return `${host.replace(/^\[(.*)\]$/, '$1')}:${port === '' ? (PORTS[scheme] ?? DEFAULT_PORT) : port}`;
}
