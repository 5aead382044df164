import type { Agent } from 'node:http';
import { getProxyForUrl } from 'proxy-from-env';
import { MqttError } from '../protocol/errors.ts';

/**
 * The way to a WebSocket URL through the proxy that the environment names: `ws_proxy` or `wss_proxy`, else `http_proxy`
 * or `https_proxy`, else `all_proxy`; in small or capital letters, and not for hosts in `no_proxy`. Undefined without
 * one. An aborted `signal` ends the connection to the proxy.
 * @throws {MqttError} `invalid-options` for what is no URL; it is not repeated, because it may hold a password.
 */
export async function proxyAgent(url: string, signal: AbortSignal): Promise<Agent | undefined> {
  const proxy = proxyFor(url);
  if (proxy === undefined) return undefined;
  // Not left to the agent: its error repeats the whole URL, with the password.
  if (!URL.canParse(proxy)) throw new MqttError('invalid-options', 'the proxy that the environment names is no URL');
  // An ES module, which CommonJS loads only like this; and only those who have a proxy need it.
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  return new HttpsProxyAgent(proxy, { signal });
}

/** Where the proxy of an agent is, without the login; empty: the agent does not say. */
export function describeProxy(agent: Agent): string {
  return 'proxy' in agent && agent.proxy instanceof URL ? `${agent.proxy.protocol}//${agent.proxy.host}` : '';
}

function proxyFor(url: string): string | undefined {
  const candidates = [getProxyForUrl(url), getProxyForUrl(url.replace(/^ws/, 'http'))];
  // A proxy named without a scheme got that of the URL: it speaks HTTP. Others, such as SOCKS, are not for us.
  return candidates.map((proxy) => proxy.replace(/^wss?:/, 'http:')).find((proxy) => /^https?:/.test(proxy));
}
