/** The part of the editor's API that the sidebar uses beside what the dialogs do. */
interface SidebarRed {
  readonly sidebar: {
    addTab(options: {
      id: string;
      label: string;
      name: string;
      content: HTMLElement;
      iconClass: string;
      enableOnEdit: boolean;
      onchange: () => void;
    }): void;
  };
  readonly plugins: { registerPlugin(id: string, definition: object): void };
  readonly user: { hasPermission(permission: string): boolean };
  readonly clipboard: { copyText(text: string): void };
  readonly view: {
    reveal(id: string): void;
    importNodes(nodes: readonly object[], options: ImportOptions): void;
  };
}

interface ImportOptions {
  readonly generateIds: boolean;
  readonly addFlow: boolean;
  /** Placed where it says, and not at the mouse. */
  readonly touchImport: boolean;
  readonly notify: boolean;
  readonly applyNodeDefaults: boolean;
}

/** The editor, seen through these types: they are checked by the browser tests, since the editor publishes none. */
export function sidebarRed(): SidebarRed {
  return RED as unknown as SidebarRed;
}

export function mayChange(): boolean {
  return sidebarRed().user.hasPermission('mqtt-connection.write');
}
