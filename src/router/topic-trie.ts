import type { TopicFilter } from '../protocol/topic.ts';

interface Level<T> {
  readonly children: Map<string, Level<T>>;
  /** The `+` child. */
  single: Level<T> | undefined;
  /** What is filed under `…/#` with this level as the parent. */
  multi: T | undefined;
  value: T | undefined;
}

/**
 * Finds the filters that match a Topic Name (4.7) by walking its levels: the cost depends on levels and matches,
 * not on how many filters there are. Byte-exact, empty levels count, `#` matches its parent too,
 * and a wildcard in the first level does not match a Topic Name that begins with `$` [MQTT-4.7.2-1].
 */
export class TopicTrie<T> {
  readonly #root: Level<T> = newLevel();

  get(filter: TopicFilter): T | undefined {
    const levels = filter.split('/');
    const multi = levels.at(-1) === '#';
    if (multi) levels.pop();
    let level: Level<T> | undefined = this.#root;
    for (const name of levels) level = level === undefined ? undefined : childOf(level, name);
    return multi ? level?.multi : level?.value;
  }

  /** Files `value` under `filter`, in place of an earlier one. */
  set(filter: TopicFilter, value: T): void {
    const levels = filter.split('/');
    const multi = levels.at(-1) === '#';
    if (multi) levels.pop();
    let level = this.#root;
    for (const name of levels) level = childOf(level, name) ?? addChild(level, name);
    if (multi) level.multi = value;
    else level.value = value;
  }

  /** Removes what is filed under `filter`, and the branches that lead nowhere any more. */
  delete(filter: TopicFilter): void {
    const levels = filter.split('/');
    const multi = levels.at(-1) === '#';
    if (multi) levels.pop();
    remove(this.#root, levels, 0, multi);
  }

  /** Calls `visit` with every value whose filter matches `topic`. */
  match(topic: string, visit: (value: T) => void): void {
    const wildcards = !topic.startsWith('$');
    walk(this.#root, topic, 0, wildcards, visit);
  }

  /** Calls `visit` with every value whose filter matches each Topic Name that `filter` matches; its own among them. */
  covering(filter: TopicFilter, visit: (value: T) => void): void {
    const multi = filter === '#' || filter.endsWith('/#');
    const levels = filter.split('/').slice(0, multi ? -1 : undefined);
    cover(this.#root, levels, 0, multi, !filter.startsWith('$'), visit);
  }
}

/** `+` among `levels` is covered by `+` and `#` only; what ends with `#` (`multi`) by `#` only. */
function cover<T>(
  level: Level<T>,
  levels: readonly string[],
  depth: number,
  multi: boolean,
  wildcards: boolean,
  visit: (value: T) => void,
): void {
  if (wildcards && level.multi !== undefined) visit(level.multi);
  const name = levels[depth];
  if (name === undefined) {
    if (!multi && level.value !== undefined) visit(level.value);
    return;
  }
  const child = level.children.get(name);
  if (child !== undefined) cover(child, levels, depth + 1, multi, true, visit);
  if (wildcards && level.single !== undefined) cover(level.single, levels, depth + 1, multi, true, visit);
}

/** Matches the levels of `topic` from character `start` on below `level`. `start` past the end: no level is left. */
function walk<T>(level: Level<T>, topic: string, start: number, wildcards: boolean, visit: (value: T) => void): void {
  if (wildcards && level.multi !== undefined) visit(level.multi);
  if (start > topic.length) {
    if (level.value !== undefined) visit(level.value);
    return;
  }
  const slash = topic.indexOf('/', start);
  const end = slash < 0 ? topic.length : slash;
  const child = level.children.size === 0 ? undefined : level.children.get(topic.slice(start, end));
  if (child !== undefined) walk(child, topic, end + 1, true, visit);
  if (wildcards && level.single !== undefined) walk(level.single, topic, end + 1, true, visit);
}

function remove<T>(level: Level<T>, levels: readonly string[], depth: number, multi: boolean): void {
  const name = levels[depth];
  if (name === undefined) {
    if (multi) level.multi = undefined;
    else level.value = undefined;
    return;
  }
  const child = childOf(level, name);
  if (child === undefined) return;
  remove(child, levels, depth + 1, multi);
  if (!isEmpty(child)) return;
  if (name === '+') level.single = undefined;
  else level.children.delete(name);
}

function childOf<T>(level: Level<T>, name: string): Level<T> | undefined {
  return name === '+' ? level.single : level.children.get(name);
}

function addChild<T>(level: Level<T>, name: string): Level<T> {
  const child = newLevel<T>();
  if (name === '+') level.single = child;
  else level.children.set(name, child);
  return child;
}

function isEmpty<T>(level: Level<T>): boolean {
  const { children, single, multi, value } = level;
  return children.size === 0 && single === undefined && multi === undefined && value === undefined;
}

function newLevel<T>(): Level<T> {
  return { children: new Map(), single: undefined, multi: undefined, value: undefined };
}
