import type { StoredNode } from '../convert/stored-node.ts';
import { type LiveNode, flowsRed } from './flows-red.ts';

/** What the editor knows about a node beyond what it stores. */
type Marks = Pick<LiveNode, 'changed' | 'moved' | 'status' | 'credentials'>;

/**
 * Replaces all flows in the editor, as it does itself when it merges somebody else's changes. It is one step in the
 * history. Ids stay, so that nodes keep what is known about them; those in `changed` are marked as not deployed.
 */
export function replaceFlows(before: readonly StoredNode[], after: readonly unknown[], changed: Set<string>): void {
  const { history, nodes, workspaces, view, palette, sidebar } = flowsRed();
  const marks = currentMarks();
  const tab = workspaces.active();
  history.push({
    t: 'replace',
    complete: true,
    config: before,
    changed: flagged(marks, 'changed'),
    moved: flagged(marks, 'moved'),
    dirty: nodes.dirty(),
    // Undoing sets the revision to this: after a deploy it must be the one of then, or the next deploy is a conflict.
    get rev() {
      return nodes.version();
    },
  });
  nodes.clear();
  // The editor makes the imported objects its own; those in the history must stay as they are.
  nodes.import(JSON.parse(JSON.stringify(after)) as unknown[]);
  for (const node of liveNodes()) restore(node, marks.get(node.id) ?? {}, changed.has(node.id));
  nodes.dirty(true);
  view.redraw(true);
  palette.refresh();
  workspaces.refresh();
  workspaces.show(tab, true);
  sidebar.config.refresh();
}

function currentMarks(): Map<string, Marks> {
  return new Map(liveNodes().map((node) => [node.id, marksOf(node)]));
}

function marksOf({ changed, moved, status, credentials }: LiveNode): Marks {
  return {
    ...(changed !== undefined && { changed }),
    ...(moved !== undefined && { moved }),
    ...(status !== undefined && { status }),
    ...(credentials !== undefined && { credentials }),
  };
}

function liveNodes(): LiveNode[] {
  const found: LiveNode[] = [];
  const add = (node: LiveNode): unknown => found.push(node);
  flowsRed().nodes.eachNode(add);
  flowsRed().nodes.eachConfig(add);
  return found;
}

function flagged(marks: ReadonlyMap<string, Marks>, flag: 'changed' | 'moved'): Record<string, boolean> {
  return Object.fromEntries([...marks].map(([id, mark]) => [id, mark[flag] === true]));
}

function restore(node: LiveNode, { status, credentials, ...flags }: Marks, isChanged: boolean): void {
  unlocked(node, () => {
    if (isChanged || flags.changed === true) node.changed = true;
    if (flags.moved === true) node.moved = true;
    if (credentials !== undefined) node.credentials = credentials;
    if (status === undefined) return;
    node.status = status;
    node.dirtyStatus = true;
  });
}

// The editor ignores what is written to a node of a locked flow, even what was there before.
function unlocked(node: LiveNode, write: () => void): void {
  const flow = flowOf(node);
  if (flow?.locked !== true) return write();
  flow.locked = false;
  write();
  flow.locked = true;
}

/** The tab or subflow that the node is in. */
export function flowOf(node: LiveNode | StoredNode): LiveNode | undefined {
  const z: unknown = node.z;
  if (typeof z !== 'string') return undefined;
  const { nodes } = flowsRed();
  return nodes.workspace(z) ?? nodes.subflow(z) ?? undefined;
}
