/** The part of a node in the flows that says whether it is at work. */
export interface FlowNode {
  readonly type: string;
  /** The tab or subflow that it is in. */
  readonly z?: unknown;
  /** Disabled by itself. */
  readonly d?: unknown;
}

/** Whether one of the nodes is an mqtt-ack that is disabled neither by itself nor with its tab. */
export function hasMqttAck(nodes: readonly FlowNode[], isTabDisabled: (id: unknown) => boolean): boolean {
  return nodes.some(({ type, z, d }) => type === 'mqtt-ack' && d !== true && !isTabDisabled(z));
}

/** Which sentence warns that nothing acknowledges, as a key under `warning`. */
export function noAckWarning(ackTimeout: unknown): 'noAck' | 'noAckNoLimit' {
  return ackTimeout === '' ? 'noAckNoLimit' : 'noAck';
}
