import { isDeepStrictEqual } from 'node:util';
import type { NodeAPI } from 'node-red';

type Events = NodeAPI['events'];

/** Milliseconds for which something waits for the end of a deploy: Node-RED gives each node 15 s to close. */
export const LONGEST_DEPLOY = 30_000;

/** How nodes are closed. */
export interface Stop {
  /** All of them, and the flows that they are in. */
  readonly isFull: boolean;
  /** Whether a deploy is under way that makes the node of this id anew with the same fields. False at the end of Node-RED. */
  readonly keeps: (id: string) => boolean;
}

/** What a connection hears of the flows around it. */
export interface FlowListener {
  /** Nodes are closed from now on. */
  stopping(stop: Stop): void;
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
  // A deploy names other flows than those that were named last, though they may say the same; an end names the very same.
  let named: unknown;
  events.on('flows:stopping', (event: unknown) => {
    const stop = stopOf(event, named);
    named = configOf(event);
    for (const listener of listeners) listener.stopping?.(stop);
  });
  events.on('flows:starting', () => {
    for (const listener of listeners) listener.starting?.();
  });
  events.on('flows:started', (event: unknown) => {
    named = configOf(event);
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

function stopOf(event: unknown, named: unknown): Stop {
  const config = configOf(event);
  const isFull = ((event ?? {}) as { type?: unknown }).type === 'full';
  if (config === undefined || named === undefined || config === named) return { isFull, keeps: () => false };
  return {
    isFull,
    keeps: (id) => {
      const now = fieldsIn(config, id);
      return now !== undefined && isDeepStrictEqual(now, fieldsIn(named, id));
    },
  };
}

/** What a node is made of, but for its name. */
function fieldsIn(config: unknown, id: string): object | undefined {
  const { flows } = config as { flows?: unknown };
  const found = Array.isArray(flows) ? flows.find((node: { id?: unknown }) => node.id === id) : undefined;
  return typeof found === 'object' && found !== null ? { ...found, name: undefined } : undefined;
}

function configOf(event: unknown): unknown {
  return ((event ?? {}) as { config?: unknown }).config;
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
