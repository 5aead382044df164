import type { QoS } from '../../src/index.ts';

/** One connection of the flow under test. */
export interface Setup {
  readonly id: string;
  readonly version: 4 | 5;
  /** `kept`: the broker keeps the session while we are away; `clean`: it ends with the connection. */
  readonly session: 'kept' | 'clean';
}

/** A numbered sequence of messages over one connection, in one direction, at one quality of service. */
export interface Stream {
  readonly setup: Setup;
  readonly direction: 'in' | 'out';
  readonly qos: QoS;
  readonly topic: string;
  /** Of the node that publishes or receives it. */
  readonly node: string;
}

export const SETUPS: readonly Setup[] = ([4, 5] as const).flatMap((version) =>
  (['kept', 'clean'] as const).map((session) => ({ id: `${session}-${version}`, version, session })),
);

export const STREAMS: readonly Stream[] = SETUPS.flatMap((setup) =>
  (['out', 'in'] as const).flatMap((direction) => ([1, 2] as const).map((qos) => streamOf(setup, direction, qos))),
);

export function streamOf(setup: Setup, direction: 'in' | 'out', qos: QoS): Stream {
  const node = `${setup.id}-${direction}-${qos}`;
  return { setup, direction, qos, topic: `${setup.id}/${direction}/${qos}`, node };
}

/** Who receives a stream in the flow: the node of its topic, which deploys touch, and one on a wider filter. */
export type Place = 'node' | 'wider';

/** What the mqtt-in of a place subscribes. */
export function filterOf({ topic, setup }: Stream, place: Place): string {
  return place === 'wider' ? widerFilterOf(setup) : topic;
}

export function widerFilterOf({ id }: Setup): string {
  return `${id}/in/#`;
}

/** The node that counts what arrives at a place. */
export function sinkOf({ node, setup }: Stream, place: Place): string {
  return place === 'wider' ? widerSinkOf(setup) : `${node}-sink`;
}

export function widerSinkOf({ id }: Setup): string {
  return `${id}-wider-sink`;
}
