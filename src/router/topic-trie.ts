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
    const path = pathOf(this.#root, levels);
    const last = path[levels.length];
    if (last === undefined) return;
    if (multi) last.multi = undefined;
    else last.value = undefined;
    prune(path, levels);
  }

  /** Calls `visit` with every value whose filter matches `topic`. */
  match(topic: string, visit: (value: T) => void): void {
    let level: Level<T> = this.#root;
    let wildcards = !topic.startsWith('$');
    // Where the next level begins; past the end: no level is left.
    let start = 0;
    // Branches that were left for later. Not by recursion: a topic of 65,535 levels would overflow the stack.
    let branches: Branch<T>[] | undefined;
    for (;;) {
      if (wildcards && level.multi !== undefined) visit(level.multi);
      let next: Level<T> | undefined;
      if (start > topic.length) {
        if (level.value !== undefined) visit(level.value);
      } else {
        const slash = topic.indexOf('/', start);
        const end = slash < 0 ? topic.length : slash;
        const single = wildcards ? level.single : undefined;
        next = level.children.size === 0 ? undefined : level.children.get(topic.slice(start, end));
        start = end + 1;
        if (next === undefined) next = single;
        else if (single !== undefined) (branches ??= []).push({ level: single, at: start });
      }
      if (next === undefined) {
        const branch = branches?.pop();
        if (branch === undefined) return;
        next = branch.level;
        start = branch.at;
      }
      level = next;
      wildcards = true;
    }
  }

  /** Calls `visit` with every value whose filter matches each Topic Name that `filter` matches; its own among them. */
  covering(filter: TopicFilter, visit: (value: T) => void): void {
    const multi = filter === '#' || filter.endsWith('/#');
    const levels = filter.split('/').slice(0, multi ? -1 : undefined);
    const branches: Branch<T>[] = [{ level: this.#root, at: 0 }];
    for (let branch = branches.pop(); branch !== undefined; branch = branches.pop()) {
      const { level, at } = branch;
      const wildcards = at > 0 || !filter.startsWith('$');
      // `+` among the levels is covered by `+` and `#` only; what ends with `#` (`multi`) by `#` only.
      if (wildcards && level.multi !== undefined) visit(level.multi);
      const name = levels[at];
      if (name === undefined) {
        if (!multi && level.value !== undefined) visit(level.value);
        continue;
      }
      const child = level.children.get(name);
      if (wildcards && level.single !== undefined) branches.push({ level: level.single, at: at + 1 });
      if (child !== undefined) branches.push({ level: child, at: at + 1 });
    }
  }
}

/** A level to go on with, and how far the topic or filter is used up: a character of it, or a level. */
interface Branch<T> {
  readonly level: Level<T>;
  readonly at: number;
}

/** The levels from `root` down along `names`, as far as they exist. */
function pathOf<T>(root: Level<T>, names: readonly string[]): Level<T>[] {
  const path = [root];
  let level: Level<T> | undefined = root;
  for (const name of names) {
    level = childOf(level, name);
    if (level === undefined) return path;
    path.push(level);
  }
  return path;
}

/** Cuts off what is empty at the end of a path. */
function prune<T>(path: readonly Level<T>[], names: readonly string[]): void {
  for (let depth = names.length; depth > 0; depth--) {
    const [level, parent, name] = [path[depth], path[depth - 1], names[depth - 1]];
    if (level === undefined || parent === undefined || name === undefined || !isEmpty(level)) return;
    if (name === '+') parent.single = undefined;
    else parent.children.delete(name);
  }
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
