import type { NodeAPI } from 'node-red';

type Events = NodeAPI['events'];

/** What a connection hears of the flows around it. */
export interface FlowListener {
  /** A deploy makes nodes from now on: those behind a node may not exist yet. */
  starting(): void;
  /** All nodes of the deploy exist. */
  started(): void;
}

/** Who listens, by the runtime: one listener for all, because more than ten would be reported as a leak. */
const listening = new WeakMap<Events, Set<FlowListener>>();

/** Tells `listener` of each deploy; returns what ends that. */
export function onFlows(events: Events, listener: FlowListener): () => void {
  const listeners = listening.get(events) ?? listen(events);
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function listen(events: Events): Set<FlowListener> {
  const listeners = new Set<FlowListener>();
  listening.set(events, listeners);
  events.on('flows:starting', () => {
    for (const listener of listeners) listener.starting();
  });
  events.on('flows:started', () => {
    for (const listener of listeners) listener.started();
  });
  return listeners;
}
