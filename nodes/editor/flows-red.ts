import type { LabelledConnection } from '../common/connection-label.ts';
import type { StoredNode } from '../convert/stored-node.ts';

/** A node, tab, subflow or group as the editor keeps it. */
export interface LiveNode {
  readonly id: string;
  readonly type: string;
  readonly z?: string;
  changed?: boolean;
  moved?: boolean;
  locked?: boolean;
  status?: unknown;
  dirtyStatus?: boolean;
  credentials?: Readonly<Record<string, unknown>>;
}

export interface Notification {
  close(): void;
}

/** The part of the editor's API by which all flows are read, replaced and undone. */
interface FlowsRed {
  notify(
    content: JQuery,
    options: {
      type?: 'success' | 'warning' | 'error';
      fixed?: boolean;
      modal?: boolean;
      timeout?: number;
      buttons?: readonly { text: string; class?: string; id?: string; click: () => void }[];
    },
  ): Notification;
  readonly actions: {
    add(id: string, run: () => void, options: { label: string }): void;
    remove(id: string): void;
    invoke(id: string): void;
  };
  readonly events: { on(event: 'nodes:remove', hear: (node: LiveNode & LabelledConnection) => void): void };
  readonly menu: {
    addItem(menu: string, item: { id: string; label: string; onselect: string } | null): void;
    removeItem(id: string): void;
  };
  readonly history: { push(event: HistoryEvent): void; peek(): HistoryStep | undefined };
  readonly view: { selection(): { readonly nodes?: readonly LiveNode[] }; redraw(all: boolean): void };
  readonly group: { getNodes(group: LiveNode, recursive: boolean): readonly LiveNode[] };
  readonly workspaces: {
    selection(): readonly LiveNode[];
    active(): string;
    refresh(): void;
    show(id: string, quiet: boolean): void;
  };
  readonly palette: { refresh(): void };
  readonly sidebar: { readonly config: { refresh(): void } };
  readonly nodes: {
    id(): string;
    node(id: string): LiveNode | null | undefined;
    workspace(id: string): LiveNode | null | undefined;
    subflow(id: string): LiveNode | null | undefined;
    eachNode(visit: (node: LiveNode) => void): void;
    eachConfig(visit: (node: LiveNode) => void): void;
    createCompleteNodeSet(): StoredNode[];
    clear(): void;
    import(nodes: readonly unknown[]): unknown;
    dirty(dirty?: boolean): boolean;
    version(): string;
  };
}

/** A step that can be undone. */
export interface HistoryStep {
  readonly t: string;
  /** Of a deletion. */
  readonly nodes?: unknown;
  /** Of several steps in one. */
  readonly events?: readonly HistoryStep[];
}

/** The editor's own event for "all flows were replaced"; undoing it replaces them by `config`. */
interface HistoryEvent {
  readonly t: 'replace';
  readonly complete: true;
  readonly config: readonly StoredNode[];
  readonly changed: Readonly<Record<string, boolean>>;
  readonly moved: Readonly<Record<string, boolean>>;
  readonly dirty: boolean;
  readonly rev: string;
}

/** The editor, seen through these types: they are checked by the browser tests, since the editor publishes none. */
export function flowsRed(): FlowsRed {
  return RED as unknown as FlowsRed;
}
