/** What is wrong with a topic, as a key of the catalogue (`topicProblem.<key>`) and the values its sentence names. */
export interface TopicProblem {
  readonly key: TopicProblemKey;
  readonly values: Readonly<Record<string, string | number>>;
}

export type TopicProblemKey =
  | 'empty'
  | 'nul'
  | 'notWellFormed'
  | 'tooLong'
  | 'wildcardInName'
  | 'hashNotAlone'
  | 'hashNotLast'
  | 'plusNotAlone'
  | 'shareName'
  | 'shareFilter';

// [MQTT-4.7.3-3] a topic is a UTF-8 string, whose length takes two bytes.
const LONGEST_BYTES = 65_535;

/** The first of the rules that hold for names and filters alike which `topic` breaks. */
export function stringProblem(topic: string): TopicProblem | undefined {
  if (topic === '') return { key: 'empty', values: {} };
  if (topic.includes('\0')) return { key: 'nul', values: { topic } };
  // [MQTT-1.5.4-1] half of a surrogate pair is no character. In a regular expression with `u` only those are left over.
  if (/\p{Surrogate}/u.test(topic)) return { key: 'notWellFormed', values: { topic } };
  const bytes = new TextEncoder().encode(topic).length;
  if (bytes > LONGEST_BYTES) return { key: 'tooLong', values: { bytes, most: LONGEST_BYTES } };
  return undefined;
}
