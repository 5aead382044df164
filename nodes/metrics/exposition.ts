import type { Metric } from 'prom-client';
import type { Family } from './metric-families.ts';

/** What a scrape is answered with. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** Families in the text format of Prometheus. The library is loaded by the first who scrapes, and by nobody else. */
export async function expositionOf(families: readonly Family[]): Promise<Exposition> {
  const { Registry } = await import('prom-client');
  const registry = new Registry();
  for (const family of families) registry.registerMetric(asMetric(family));
  return { contentType: registry.contentType, text: await registry.metrics() };
}

/** The registry reads a metric by `get` alone; its own classes only count up by themselves. */
function asMetric(family: Family): Metric {
  return { ...family, get: () => Promise.resolve(family) } as unknown as Metric;
}
