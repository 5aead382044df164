import { speaksVersion5 } from './protocol-version.ts';

/** Whether the connection chosen in the open dialog may speak MQTT 5. */
export function chosenConnectionSpeaksVersion5(): boolean {
  const id = $('#node-input-broker').val();
  const connection = typeof id === 'string' ? RED.nodes.node(id) : undefined;
  return speaksVersion5(connection?.['protocolVersion']);
}
