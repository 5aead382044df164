/** Topics of a connection that are remembered behind a watch, and characters of one of them. */
const MOST_TOPICS = 2000;
const LONGEST_TOPIC = 200;

/** What watches that are over have seen, for who types a topic. */
export class SeenTopics {
  readonly #topics = new Map<string, readonly string[]>();

  of(connectionId: string): readonly string[] {
    return this.#topics.get(connectionId) ?? [];
  }

  add(connectionId: string, topics: Iterable<string>): void {
    const kept = new Set<string>();
    for (const some of [topics, this.of(connectionId)]) {
      for (const topic of some) {
        if (kept.size >= MOST_TOPICS) break;
        if (topic.length <= LONGEST_TOPIC) kept.add(topic);
      }
    }
    this.#topics.set(connectionId, [...kept]);
  }

  prune(isThere: (connectionId: string) => boolean): void {
    for (const connectionId of this.#topics.keys()) if (!isThere(connectionId)) this.#topics.delete(connectionId);
  }
}
