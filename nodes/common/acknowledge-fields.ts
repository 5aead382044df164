/** What the fields about acknowledging mean where a flow does not have them. */
export const ACKNOWLEDGE_MISSING = {
  acknowledge: 'received',
  atOnce: '20',
  ackTimeout: '60',
  whenLate: 'again',
  qos0WhenFull: 'drop-oldest',
} as const;

/** How many messages of an mqtt-in may be in the flow at once. */
export const AT_ONCE = { least: 1, most: 1000 } as const;

/** How long a message may be in the flow, in seconds. */
export const ACK_TIMEOUT = { least: 1, most: 86_400 } as const;

/** Whether a stored `acknowledge` waits for the flow. A flow without the field acknowledges what it receives. */
export function waitsForFlow(acknowledge: unknown): boolean {
  return acknowledge === 'flow';
}
