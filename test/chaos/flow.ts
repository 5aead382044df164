import { connectionNode, type FlowNode, inNodes, ON_TAB, outNode, TAB } from '../reliability/flow.ts';
import { IN_STREAMS, OUT_STREAMS, type Setup, SETUPS, type Stream } from './streams.ts';

export type { FlowNode };

export interface FlowChoices {
  /** Where a setup's connection is dialled, on 127.0.0.1. */
  readonly portOf: (setup: Setup) => number;
  /** Any number: with another one nodes have changed, with every second one the connections too. */
  readonly edition: number;
  /** The field `sessionStore` of the connections. */
  readonly store: string;
}

/** The node that hands numbers to the mqtt-out of a stream. */
export function sourceOf({ node }: Stream): string {
  return `${node}-source`;
}

/** The flow under test: per connection and quality of service an mqtt-out behind a source, and an mqtt-in in front of a sink. */
export function chaosFlow({ portOf, edition, store }: FlowChoices): FlowNode[] {
  return [
    { id: TAB, type: 'tab', label: TAB },
    ...SETUPS.map((setup) => ({
      ...connectionNode(setup, portOf(setup)),
      clientid: `chaos ${setup.id}`,
      sessionStore: store,
      // Short, so that a silent peer is found out while a fault lasts.
      keepalive: String(4 + (Math.floor(edition / 2) % 2)),
    })),
    ...OUT_STREAMS.flatMap((stream) => outNodes(stream, edition)),
    ...IN_STREAMS.flatMap((stream) => inNodes(stream, edition, 'chaos-sink')),
  ];
}

function outNodes(stream: Stream, edition: number): FlowNode[] {
  return [
    { id: sourceOf(stream), type: 'chaos-source', ...ON_TAB, wires: [[stream.node]] },
    { ...outNode(stream), name: `edition ${edition}` },
  ];
}
