/** More than anybody reads. */
const MOST = 50;

/** Characters of a topic that is offered. */
const LONGEST = 200;

/**
 * Topics that contain what was typed, each once, those that were named first first.
 * @param publishes it is to be published to: then a filter is none.
 */
export function offeredTopics(typed: string, topics: Iterable<string>, publishes: boolean): string[] {
  const text = typed.toLowerCase();
  const offered = new Set<string>();
  for (const topic of topics) {
    if (offered.size >= MOST) break;
    if (topic === '' || topic.length > LONGEST || (publishes && /[+#]/.test(topic))) continue;
    if (topic.toLowerCase().includes(text)) offered.add(topic);
  }
  return [...offered];
}
