import { type TopicProblem, stringProblem } from './topic-problem.ts';

/** Why `topic` cannot be published to, or `undefined` where it can: [MQTT-4.7.1-1], [MQTT-4.7.3-1] to [MQTT-4.7.3-3]. */
export function topicNameProblem(topic: string): TopicProblem | undefined {
  const problem = stringProblem(topic);
  if (problem !== undefined) return problem;
  const wildcard = /[+#]/.exec(topic)?.[0];
  return wildcard === undefined ? undefined : { key: 'wildcardInName', values: { topic, wildcard } };
}
