import type { NodeAPI } from 'node-red';

type Events = NodeAPI['events'];

/** What a connection hears of the flows around it. */
export interface FlowListener {
  /** A deploy, or the end of Node-RED, closes nodes from now on. */
  stopping(): void;
  /** A deploy makes nodes from now on: those behind a node may not exist yet. */
  starting(): void;
  /** All nodes of the deploy exist. */
  started(): void;
  /** The deploy makes no nodes: those that it closed stay away, and all others go on. */
  unstarted(): void;
  /** All nodes are closed, and no deploy makes new ones: it is the end of Node-RED, or a person stopped the flows. */
  stopped(): void;
}

/** Who listens, by the runtime: one listener for all, because more than ten would be reported as a leak. */
const listening = new WeakMap<Events, Set<Partial<FlowListener>>>();

/** Tells `listener` of each deploy; returns what ends that. */
export function onFlows(events: Events, listener: Partial<FlowListener>): () => void {
  const listeners = listening.get(events) ?? listen(events);
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function listen(events: Events): Set<Partial<FlowListener>> {
  const listeners = new Set<Partial<FlowListener>>();
  listening.set(events, listeners);
  events.on('flows:stopping', () => {
    for (const listener of listeners) listener.stopping?.();
  });
  events.on('flows:starting', () => {
    for (const listener of listeners) listener.starting?.();
  });
  events.on('flows:started', () => {
    for (const listener of listeners) listener.started?.();
  });
  events.on('runtime-event', (event: unknown) => {
    if (isUnstarted(event)) for (const listener of listeners) listener.unstarted?.();
    if (isStopped(event)) for (const listener of listeners) listener.stopped?.();
  });
  return listeners;
}

/**
 * Whether Node-RED says that it starts no flows: a node type or a module is missing, or it is in safe mode. A state
 * without an error comes at each deploy, between the end of the old nodes and the start of the new ones.
 */
function isUnstarted(event: unknown): boolean {
  return stateOf(event)?.error !== undefined;
}

/** Whether Node-RED says that the flows have stopped, and does not start them. */
function isStopped(event: unknown): boolean {
  const { state, error, deploy } = stateOf(event) ?? {};
  return state === 'stop' && error === undefined && deploy !== true;
}

interface RuntimeState {
  readonly state?: unknown;
  readonly error?: unknown;
  readonly deploy?: unknown;
}

function stateOf(event: unknown): RuntimeState | undefined {
  const { id, payload } = (event ?? {}) as { id?: unknown; payload?: RuntimeState };
  return id === 'runtime-state' ? payload : undefined;
}
