import type { Node } from 'node-red';
import { MqttError } from '../../src/index.ts';

/** What a node does whose connection is not chosen, or gone: it says so, also to each message that comes. */
export function withoutConnection(node: Node): void {
  const sentence = 'no connection chosen: open the node and choose one';
  node.error(sentence);
  node.on('input', (_msg, _send, done) => done(new MqttError('invalid-options', sentence)));
}
