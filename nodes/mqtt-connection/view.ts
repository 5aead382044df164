import type { Node } from 'node-red';

/**
 * Properties that Node-RED's own MQTT nodes show to functions, to other nodes and to tests, under the same names. They
 * only look at the engine: nothing in a view is a second copy of its state.
 */
export type View = Readonly<Record<string, () => unknown>>;

/** Adds the properties to the node. None is enumerable, so that printing a node prints no password. */
export function addView(node: Node, view: View): void {
  for (const [name, get] of Object.entries(view)) Object.defineProperty(node, name, { get, configurable: true });
}
