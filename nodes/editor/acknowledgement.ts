import type { NumberRange } from './value-problem.ts';

/** How many messages of an mqtt-in may be in the flow at once. */
export const AT_ONCE: NumberRange = { least: 1, most: 1000 };

/** How long a message may be in the flow, in seconds. */
export const ACK_TIMEOUT: NumberRange = { least: 1, most: 86_400 };

/** The part of a node in the flows that says whether it is at work. */
export interface FlowNode {
  readonly type: string;
  /** The tab or subflow that it is in. */
  readonly z?: unknown;
  /** Disabled by itself. */
  readonly d?: unknown;
}

/** Whether a stored `acknowledge` waits for the flow. A flow without the field acknowledges what it receives. */
export function waitsForFlow(acknowledge: unknown): boolean {
  return acknowledge === 'flow';
}

/** Whether one of the nodes is an mqtt-ack that is disabled neither by itself nor with its tab. */
export function hasMqttAck(nodes: readonly FlowNode[], isTabDisabled: (id: unknown) => boolean): boolean {
  return nodes.some(({ type, z, d }) => type === 'mqtt-ack' && d !== true && !isTabDisabled(z));
}

/** Which sentence warns that nothing acknowledges, as a key under `warning`. */
export function noAckWarning(ackTimeout: unknown): 'noAck' | 'noAckNoLimit' {
  return ackTimeout === '' ? 'noAckNoLimit' : 'noAck';
}
