import { speaksVersion5 } from './protocol-version.ts';
import type { StoredNode } from './red.ts';
import { keepsSession } from './session-kept.ts';

/** Whether the connection chosen in the open dialog may speak MQTT 5. */
export function chosenConnectionSpeaksVersion5(): boolean {
  return speaksVersion5(chosenConnection()?.['protocolVersion']);
}

/** Whether a connection is chosen in the open dialog whose session does not outlive a break. */
export function chosenConnectionLosesSession(): boolean {
  const connection = chosenConnection();
  return connection !== undefined && !keepsSession(connection);
}

function chosenConnection(): StoredNode | undefined {
  const id = $('#node-input-broker').val();
  return typeof id === 'string' ? (RED.nodes.node(id) ?? undefined) : undefined;
}
