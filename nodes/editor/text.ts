import { quotedValue } from './quoted-value.ts';

const PACKAGE = '@posthorn/node-red-mqtt';

export type NodeSet = 'mqtt-ack' | 'mqtt-connection' | 'mqtt-in' | 'mqtt-out' | 'sidebar';

/** A sentence of a set's catalogue, such as `text('mqtt-in', 'warning.noLocal')`, with values safe to show. */
export function text(set: NodeSet, key: string, values: Readonly<Record<string, string | number>> = {}): string {
  const quoted = Object.entries(values).map(([name, value]) => [name, quotedValue(value)] as const);
  return RED._(`${PACKAGE}/${set}:${set}.${key}`, Object.fromEntries(quoted));
}
