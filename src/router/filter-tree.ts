interface Branch<T> {
  /** By the name of the level; `+` and `#` are names too. */
  readonly children: Map<string, Branch<T>>;
  value: T | undefined;
}

interface Position<T> {
  readonly branch: Branch<T>;
  readonly depth: number;
}

/**
 * Finds which filters cover others: every Topic Name that the covered one matches, the covering one matches too (4.7).
 * The cost depends on levels and findings, not on how many filters there are; no filter is too deep for it.
 */
export class FilterTree<T> {
  readonly #root: Branch<T> = newBranch();

  /** Files `value` under `filter`, in place of an earlier one. */
  set(filter: string, value: T): void {
    let branch = this.#root;
    for (const name of filter.split('/')) {
      const child = branch.children.get(name) ?? newBranch<T>();
      branch.children.set(name, child);
      branch = child;
    }
    branch.value = value;
  }

  /** Removes what is filed under `filter`, and the branches that lead nowhere any more. */
  delete(filter: string): void {
    const names = filter.split('/');
    const path = [this.#root];
    for (const name of names) {
      const child = path.at(-1)?.children.get(name);
      if (child === undefined) return;
      path.push(child);
    }
    const last = path.at(-1);
    if (last !== undefined) last.value = undefined;
    for (let depth = names.length; depth > 0 && isEmpty(path[depth]); depth--) {
      path[depth - 1]?.children.delete(names[depth - 1] ?? '');
    }
  }

  /** What is filed under the filters that cover `filter`; its own among them. */
  covering(filter: string): T[] {
    const { names, multi } = parse(filter);
    const found: T[] = [];
    const open: Position<T>[] = [{ branch: this.#root, depth: 0 }];
    for (let position = open.pop(); position !== undefined; position = open.pop()) {
      const { branch, depth } = position;
      // [MQTT-4.7.2-1] a leading wildcard matches no topic that begins with $.
      const wildcards = depth > 0 || !filter.startsWith('$');
      // `#` matches its parent too.
      if (wildcards) add(found, branch.children.get('#'));
      const name = names[depth];
      if (name === undefined) {
        if (!multi) add(found, branch);
        continue;
      }
      push(open, branch.children.get(name), depth + 1);
      if (wildcards && name !== '+') push(open, branch.children.get('+'), depth + 1);
    }
    return found;
  }

  /** What is filed under the filters that `filter` covers; its own among them. */
  covered(filter: string): T[] {
    const { names, multi } = parse(filter);
    const found: T[] = [];
    const open: Position<T>[] = [{ branch: this.#root, depth: 0 }];
    for (let position = open.pop(); position !== undefined; position = open.pop()) {
      const { branch, depth } = position;
      const name = names[depth];
      if (name === undefined) {
        add(found, branch);
        if (multi) pushChildren(open, branch, depth, true);
      } else if (name === '+') {
        pushChildren(open, branch, depth, false);
      } else {
        push(open, branch.children.get(name), depth + 1);
      }
    }
    return found;
  }
}

function parse(filter: string): { readonly names: readonly string[]; readonly multi: boolean } {
  const names = filter.split('/');
  const multi = names.at(-1) === '#';
  if (multi) names.pop();
  return { names, multi };
}

/** @param all whether `#` is among them, which one level does not cover. */
function pushChildren<T>(open: Position<T>[], { children }: Branch<T>, depth: number, all: boolean): void {
  for (const [name, branch] of children) {
    const system = depth === 0 && name.startsWith('$');
    if (!system && (all || name !== '#')) open.push({ branch, depth: depth + 1 });
  }
}

function push<T>(open: Position<T>[], branch: Branch<T> | undefined, depth: number): void {
  if (branch !== undefined) open.push({ branch, depth });
}

function add<T>(found: T[], branch: Branch<T> | undefined): void {
  if (branch?.value !== undefined) found.push(branch.value);
}

function isEmpty<T>(branch: Branch<T> | undefined): boolean {
  return branch !== undefined && branch.children.size === 0 && branch.value === undefined;
}

function newBranch<T>(): Branch<T> {
  return { children: new Map(), value: undefined };
}
