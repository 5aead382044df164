import type { StoredProperties } from './message-properties.ts';
import { serverProblem } from './server-problem.ts';
import { type NodeSet, text } from './text.ts';
import { topicFilterProblem } from './topic-filter.ts';
import { topicNameProblem } from './topic-name.ts';
import type { TopicProblem } from './topic-problem.ts';
import { type NumberRange, type ValueProblem, numberProblem, userPropertiesProblem } from './value-problem.ts';

export const SECONDS: NumberRange = { least: 0, most: 4_294_967_295 };

type Verdict = true | string;

/** A topic to publish to; blank where the message or nothing says it. */
export function validTopicName(value: unknown): Verdict {
  const topic = asText(value);
  return topic === '' ? true : topicVerdict(topicNameProblem(topic));
}

/** A filter to subscribe to; blank is a problem. */
export function validTopicFilter(value: unknown): Verdict {
  return topicVerdict(topicFilterProblem(asText(value)));
}

/** The server of a connection; blank is judged elsewhere. */
export function validServer(value: unknown): Verdict {
  const problem = serverProblem(value);
  return problem === undefined ? true : text('mqtt-connection', `serverProblem.${problem.key}`, problem.values);
}

/** A number in a field called `field` (a key under `label` of the set); blank means the default. */
export function validNumber(
  value: unknown,
  field: string,
  range: NumberRange,
  set: NodeSet = 'mqtt-connection',
): Verdict {
  return valueVerdict(numberProblem(value, range), field, set);
}

/** A User Properties field: a JSON object or blank. */
export function validUserProperties(value: unknown): Verdict {
  return valueVerdict(userPropertiesProblem(value), 'userProperties');
}

/** The stored MQTT 5 properties of a birth, close or will message. */
export function validMessageProperties(value: unknown): Verdict {
  const stored = (typeof value === 'object' && value !== null ? value : {}) as StoredProperties;
  const verdicts = [
    validUserProperties(stored.userProps),
    validTopicName(stored.respTopic),
    validNumber(stored.expiry, 'expiry', SECONDS),
    validNumber(stored.delay, 'delay', SECONDS),
  ];
  return verdicts.find((verdict) => verdict !== true) ?? true;
}

function topicVerdict(problem: TopicProblem | undefined): Verdict {
  return problem === undefined ? true : text('mqtt-connection', `topicProblem.${problem.key}`, problem.values);
}

function valueVerdict(problem: ValueProblem | undefined, field: string, set: NodeSet = 'mqtt-connection'): Verdict {
  if (problem === undefined) return true;
  const label = text(set, `label.${field}`);
  return text('mqtt-connection', `valueProblem.${problem.key}`, { ...problem.values, label });
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
