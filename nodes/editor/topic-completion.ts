const SOURCE = 'node-red-mqtt-topic-autocomplete-source';

/** Offers topics from the editor's completion plugins, where there are any: older editors fail on an unknown source. */
export function completeTopics(selector: string, node: unknown): void {
  if (RED.plugins.getPluginsByType(SOURCE).length === 0) return;
  $(selector).autoComplete({ minLength: 0, completionPluginType: SOURCE, context: { node } });
}
