/** @param {number[]} values @returns {number} */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The figures of one case.
 *
 * @param {import('./cases.mjs').Case} benchCase
 * @param {Record<string, { cpuMicros: number, wallMicros: number, messages: number }[]>} rounds by implementation
 */
export function summarise({ name, title, target }, rounds) {
  const figures = Object.fromEntries(
    Object.entries(rounds).map(([implementation, windows]) => [implementation, figuresOf(windows)]),
  );
  const { core, posthorn } = figures;
  const ratio = core === undefined || posthorn === undefined ? undefined : core.cpuMicros / posthorn.cpuMicros;
  return { name, title, target, ratio, implementations: figures };
}

function figuresOf(windows) {
  const cpu = windows.map(({ cpuMicros, messages }) => cpuMicros / messages);
  const rate = windows.map(({ wallMicros, messages }) => (messages / wallMicros) * 1e6);
  return { cpuMicros: median(cpu), messagesPerSecond: Math.round(median(rate)), cpuMicrosByRound: cpu };
}

/** How much more a message costs ours with a thousand nodes than with one; `undefined` where one was not measured. */
export function growth(results) {
  const cost = (name) => results.find((result) => result.name === name)?.implementations.posthorn?.cpuMicros;
  const [one, many] = [cost('in-qos0'), cost('in-qos0-1000')];
  return one === undefined || many === undefined ? undefined : many / one;
}

/** The results as a Markdown table. */
export function asTable(results) {
  const rows = [
    ['case', 'core, µs/msg', 'ours, µs/msg', 'core ÷ ours', 'target', 'core, msg/s', 'ours, msg/s'],
    ['---', '---:', '---:', '---:', '---:', '---:', '---:'],
    ...results.map(rowOf),
  ];
  const cost = growth(results);
  const note =
    cost === undefined ? '' : `\nOurs with 1,000 nodes ÷ ours with 1 node: ${cost.toFixed(2)} (target ≤ 1.5)\n`;
  return `${rows.map((row) => `| ${row.join(' | ')} |\n`).join('')}${note}`;
}

function rowOf({ title, target, ratio, implementations: { core, posthorn, none } }) {
  return [
    title,
    fixed((core ?? none)?.cpuMicros, 1),
    fixed(posthorn?.cpuMicros, 1),
    fixed(ratio, 1),
    target === undefined ? '' : `≥ ${target}`,
    whole((core ?? none)?.messagesPerSecond),
    whole(posthorn?.messagesPerSecond),
  ];
}

function fixed(value, digits) {
  return value === undefined ? '–' : value.toFixed(digits);
}

function whole(value) {
  return value === undefined ? '–' : value.toLocaleString('en');
}
