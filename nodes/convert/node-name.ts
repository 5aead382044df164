import { connectionLabel } from '../common/connection-label.ts';
import { OWN_TYPE, isBroker } from './node-types.ts';
import { type StoredNode, textIn } from './stored-node.ts';

/** What a person knows the node by: its name, the address or the topic that its label shows, or else its id. */
export function nameOf(node: StoredNode): string {
  const name = textIn(node['name']);
  if (name !== '') return name;
  if (isBroker(node) || node.type === OWN_TYPE['mqtt-broker']) return addressOf(node);
  return textIn(node['topic']) || node.id;
}

function addressOf(node: StoredNode): string {
  const { port } = node;
  return connectionLabel({
    broker: textIn(node['broker']),
    clientid: textIn(node['clientid']),
    ...((typeof port === 'string' || typeof port === 'number') && { port }),
  });
}
