import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { systemCodeOf } from '../../src/protocol/errors.ts';
import { FileProblem } from './file-problem.ts';

/** A file with flows, in any of the forms that Node-RED writes. */
export interface FlowFile {
  /** What should be nodes. */
  readonly entries: readonly unknown[];
  /**
   * The same file with other nodes in place of these: its form, indentation and last line break stay.
   *
   * @throws FileProblem `too-deep`
   */
  withEntries(entries: readonly unknown[]): string;
}

/**
 * Reads one: a list of nodes, an object whose `flows` is one, or a single node.
 *
 * @throws FileProblem `missing`, `unreadable`, `not-json` or `no-nodes`
 */
export function readFlowFile(path: string): FlowFile {
  const text = readText(path);
  const content = parse(path, text);
  const { entries, wrap } = unwrap(path, content);
  const indentation = /^[[{]\r?\n([ \t]+)/.exec(text)?.[1];
  const ending = /\r?\n$/.exec(text)?.[0] ?? '';
  return { entries, withEntries: (changed) => jsonText(path, wrap(changed), indentation) + ending };
}

/**
 * Writes a new file.
 *
 * @throws FileProblem `exists` without `force`, `same-file` where it is the input, `unwritable`
 */
export function writeNewFile(path: string, text: string, { input, force }: { input: string; force: boolean }): void {
  if (isSameFile(path, input)) {
    throw new FileProblem('same-file', `${path} is the file with the old flows, which stays as it is.`);
  }
  try {
    // A flow file may hold what others should not read.
    writeFileSync(path, text, { flag: force ? 'w' : 'wx', mode: 0o600 });
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'EEXIST') throw new FileProblem('exists', `${path} exists already. Overwrite it with --force.`, error);
    throw new FileProblem('unwritable', `${path} cannot be written (${code}).`, error);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOENT') throw new FileProblem('missing', `${path} does not exist.`, error);
    throw new FileProblem('unreadable', `${path} cannot be read (${code}).`, error);
  }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileProblem('not-json', `${path} is not valid JSON: ${reason}.`, error);
  }
}

interface Unwrapped {
  readonly entries: readonly unknown[];
  readonly wrap: (entries: readonly unknown[]) => unknown;
}

function unwrap(path: string, content: unknown): Unwrapped {
  const found = entriesOf(content);
  if (found === undefined || found.entries.length === 0) {
    throw new FileProblem('no-nodes', `${path} holds no nodes: it should be a flow file or an export of Node-RED.`);
  }
  return found;
}

function entriesOf(content: unknown): Unwrapped | undefined {
  if (Array.isArray(content)) return { entries: content, wrap: (entries) => entries };
  if (typeof content !== 'object' || content === null) return undefined;
  if ('flows' in content && Array.isArray(content.flows)) {
    return { entries: content.flows, wrap: (flows) => ({ ...content, flows }) };
  }
  return 'type' in content ? { entries: [content], wrap: (entries) => singleOf(entries) } : undefined;
}

// A single node may have become two; then only a list can hold them.
function singleOf(entries: readonly unknown[]): unknown {
  return entries.length === 1 ? entries[0] : entries;
}

// JSON is read at any depth, but written by recursion.
function jsonText(path: string, content: unknown, indentation: string | undefined): string {
  try {
    return JSON.stringify(content, undefined, indentation);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new FileProblem('too-deep', `${path} is nested too deep to be written again.`, error);
  }
}

/** By what it is, whatever it is called: a path, a symbolic link, a hard link. */
function isSameFile(path: string, other: string): boolean {
  const [one, two] = [path, other].map((each) => statSync(each, { bigint: true, throwIfNoEntry: false }));
  return one !== undefined && two !== undefined && one.dev === two.dev && one.ino === two.ino;
}
