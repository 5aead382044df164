import { type Random, wholeNumber } from '../../support/random.ts';

/** Section 4.7 written down as slowly and plainly as possible: what the fast matchers are compared with. */
export function matches(filter: string, topic: string): boolean {
  const filterLevels = filter.split('/');
  const topicLevels = topic.split('/');
  // [MQTT-4.7.2-1]
  if (topic.startsWith('$') && (filterLevels[0] === '#' || filterLevels[0] === '+')) return false;
  for (const [index, level] of filterLevels.entries()) {
    if (level === '#') return topicLevels.length >= index;
    const other = topicLevels[index];
    if (other === undefined || (level !== '+' && level !== other)) return false;
  }
  return filterLevels.length === topicLevels.length;
}

const LEVELS = ['', 'a', 'b', 'A', '$', '$a'];

export function randomTopic(random: Random, most = 4): string {
  const levels = Array.from({ length: wholeNumber(random, 1, most) }, () => LEVELS[wholeNumber(random, 0, 5)] ?? '');
  return levels.join('/') || 'a';
}

export function randomFilter(random: Random, most = 4): string {
  const levels = randomTopic(random, most)
    .split('/')
    .map((level) => (random() < 0.3 ? '+' : level));
  if (random() < 0.3) levels[levels.length - 1] = '#';
  return levels.join('/') || '+';
}

/** Every topic of up to `most` levels out of a small alphabet. */
export function allTopics(most: number): string[] {
  const topics: string[] = [];
  let shorter: string[] = [];
  for (let levels = 1; levels <= most; levels++) {
    const names = ['', 'a', 'b', '$a'];
    shorter = levels === 1 ? names : shorter.flatMap((topic) => names.map((name) => `${topic}/${name}`));
    topics.push(...shorter);
  }
  return topics.filter((topic) => topic !== '');
}

/** Every filter of up to `most` levels out of the same alphabet and both wildcards. */
export function allFilters(most: number): string[] {
  const filters: string[] = ['#'];
  let shorter: string[] = [''];
  for (let levels = 1; levels <= most; levels++) {
    const names = ['', 'a', '+', '$a'];
    shorter = levels === 1 ? names : shorter.flatMap((filter) => names.map((name) => `${filter}/${name}`));
    filters.push(...shorter);
    if (levels < most) filters.push(...shorter.map((filter) => `${filter}/#`));
  }
  return filters.filter((filter) => filter !== '');
}
