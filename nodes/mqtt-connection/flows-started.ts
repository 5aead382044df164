import type { NodeAPI } from 'node-red';

type Events = NodeAPI['events'];
type Listener = () => void;

/** Who waits, by the runtime: one listener for all, because more than ten would be reported as a leak. */
const waiting = new WeakMap<Events, Set<Listener>>();

/** Calls `heard` each time when the nodes of a deploy exist; returns what ends that. */
export function onFlowsStarted(events: Events, heard: Listener): () => void {
  const listeners = waiting.get(events) ?? listen(events);
  listeners.add(heard);
  return () => void listeners.delete(heard);
}

function listen(events: Events): Set<Listener> {
  const listeners = new Set<Listener>();
  waiting.set(events, listeners);
  events.on('flows:started', () => {
    for (const heard of listeners) heard();
  });
  return listeners;
}
