import type { Agent } from 'node:http';
import { getProxyForUrl } from 'proxy-from-env';

/**
 * The way to a WebSocket URL through the proxy that the environment names: `ws_proxy` or `wss_proxy`, else `http_proxy`
 * or `https_proxy`, else `all_proxy`; in small or capital letters, and not for hosts in `no_proxy`. Undefined without
 * one. An aborted `signal` ends the connection to the proxy.
 */
export async function proxyAgent(url: string, signal: AbortSignal): Promise<Agent | undefined> {
  const proxy = proxyFor(url);
  if (proxy === undefined) return undefined;
  // An ES module, which CommonJS loads only like this; and only those who have a proxy need it.
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  return new HttpsProxyAgent(proxy, { signal });
}

function proxyFor(url: string): string | undefined {
  const candidates = [getProxyForUrl(url), getProxyForUrl(url.replace(/^ws/, 'http'))];
  // A proxy named without a scheme got that of the URL: it speaks HTTP. Others, such as SOCKS, are not for us.
  return candidates.map((proxy) => proxy.replace(/^wss?:/, 'http:')).find((proxy) => /^https?:/.test(proxy));
}
