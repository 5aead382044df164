import { translatedStatus } from '../failures/status-text.ts';

const OURS = new Set(['mqtt-in', 'mqtt-out', 'mqtt-ack']);

/**
 * From now on what our nodes show with numbers in it is in the language of the editor, which itself translates only what
 * has none. The editor hears of a status by the same subscription, before or after this: the text is changed in place.
 */
export function translateStatuses(): void {
  RED.comms.subscribe('status/#', (topic, status) => {
    const node = RED.nodes.node(topic.split('/')[1] ?? '');
    if (node === undefined || node === null || !OURS.has(node.type) || !hasText(status)) return;
    const text = translatedStatus(status.text, (key, values) => RED._(key, values));
    if (text === status.text) return;
    status.text = text;
    // Where the editor heard of it before, it has drawn it already.
    if (node['status'] === status) RED.view.redrawStatus(node);
  });
}

function hasText(status: unknown): status is { text: string } {
  return typeof status === 'object' && status !== null && 'text' in status && typeof status.text === 'string';
}
