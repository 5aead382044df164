/** The type of the plugins that know topics, as Node-RED's own MQTT nodes ask for them. */
export const TOPIC_SOURCE = 'node-red-mqtt-topic-autocomplete-source';

/** Offers topics from the editor's completion plugins, where it asks them: older editors fail on an unknown source. */
export function completeTopics(selector: string, node: unknown): void {
  if (!asksPlugins() || RED.plugins.getPluginsByType(TOPIC_SOURCE).length === 0) return;
  $(selector).autoComplete({ minLength: 0, completionPluginType: TOPIC_SOURCE, context: { node } });
}

/** From Node-RED 4.1 on. */
function asksPlugins(): boolean {
  const [major = 0, minor = 0] = (RED.settings.version ?? '').split('.').map(Number);
  return major > 4 || (major === 4 && minor >= 1);
}
