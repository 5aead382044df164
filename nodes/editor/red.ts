/** The part of the editor's API that the dialogs use: the published types know neither validators with reasons nor plugins. */
export interface EditorRed {
  _(key: string, values?: Readonly<Record<string, string | number>>): string;
  readonly nodes: {
    registerType<T>(type: string, definition: NodeDefinition<T>): void;
    node(id: string): StoredNode | null | undefined;
    /** A tab. */
    workspace(id: string): { readonly disabled?: boolean } | null | undefined;
    eachNode(visit: (node: StoredNode) => boolean | void): void;
    eachConfig(visit: (node: StoredNode) => boolean | void): void;
  };
  readonly tabs: {
    create(options: { id: string; onchange: (tab: { id: string }) => void }): {
      addTab(tab: { id: string; label: string }): void;
      resize(): void;
    };
  };
  readonly settings: { readonly version?: string };
  readonly comms: {
    /** What the runtime publishes below a topic. Who subscribes first hears it first, and all get the same object. */
    subscribe(topic: string, hear: (topic: string, message: unknown) => void): void;
  };
  readonly view: { redrawStatus(node: StoredNode): void };
  readonly plugins: { getPluginsByType(type: string): readonly unknown[] };
}

/** A node as the editor keeps it; its own properties are whatever a flow file held. */
export type StoredNode = { readonly id: string; readonly type: string; readonly d?: boolean } & Readonly<
  Record<string, unknown>
>;

export type EditedNode<T> = T & {
  readonly id: string;
  readonly inputs?: number;
  /** The tab or subflow. */
  readonly z?: string;
  /** Its place; a node that is being made has none yet. */
  readonly x?: number;
  _(key: string, values?: Readonly<Record<string, string | number>>): string;
};

/** `true`, or the reason why not. The editor takes a reason only from a function with two parameters. */
export type Validator<T> = (this: EditedNode<T>, value: unknown, options: { label?: string }) => true | string;

export interface PropertyDefinition<T> {
  value: unknown;
  required?: boolean;
  label?: string;
  type?: string;
  validate?: Validator<T>;
}

export interface NodeDefinition<T> {
  category: string;
  defaults: { [K in keyof T]-?: PropertyDefinition<T> };
  credentials?: Record<string, { type: 'text' | 'password' }>;
  color?: string;
  icon?: string;
  inputs?: 0 | 1;
  outputs?: number;
  align?: 'left' | 'right';
  paletteLabel?: string;
  inputLabels?: (this: EditedNode<T>) => string;
  outputLabels?: (this: EditedNode<T>) => string;
  label: (this: EditedNode<T>) => string;
  labelStyle?: (this: EditedNode<T>) => string;
  onadd?: (this: EditedNode<T>) => void;
  oneditprepare?: (this: EditedNode<T>) => void;
  oneditsave?: (this: EditedNode<T>) => void;
  oneditcancel?: (this: EditedNode<T>) => void;
  oneditdelete?: (this: EditedNode<T>) => void;
}

declare global {
  const RED: EditorRed;
  interface JQuery {
    autoComplete(options: { minLength: number; completionPluginType: string; context: { node: unknown } }): this;
  }
}
