import { type TopicProblem, stringProblem } from './topic-problem.ts';

const SHARE_PREFIX = '$share/';

/** Why `filter` cannot be subscribed to, or `undefined` where it can: section 4.7 and, for `$share`, 4.8.2. */
export function topicFilterProblem(filter: string): TopicProblem | undefined {
  const problem = stringProblem(filter);
  if (problem !== undefined) return problem;
  return filter.startsWith(SHARE_PREFIX) ? sharedProblem(filter) : levelsProblem(filter, filter);
}

/** The levels that topics are matched with: for `$share/group/a/b` those of `a/b`. */
export function filterLevels(filter: string): string[] {
  const levels = filter.split('/');
  return filter.startsWith(SHARE_PREFIX) ? levels.slice(2) : levels;
}

function sharedProblem(filter: string): TopicProblem | undefined {
  const [, group = '', ...levels] = filter.split('/');
  if (group === '' || /[+#]/.test(group)) return { key: 'shareName', values: { topic: filter } };
  const inner = levels.join('/');
  return inner === '' ? { key: 'shareFilter', values: { topic: filter } } : levelsProblem(inner, filter);
}

function levelsProblem(levelsOf: string, topic: string): TopicProblem | undefined {
  const levels = levelsOf.split('/');
  for (const [index, level] of levels.entries()) {
    if (level.includes('#') && level !== '#') return { key: 'hashNotAlone', values: { topic, level } };
    if (level === '#' && index < levels.length - 1) return { key: 'hashNotLast', values: { topic } };
    if (level.includes('+') && level !== '+') return { key: 'plusNotAlone', values: { topic, level } };
  }
  return undefined;
}
