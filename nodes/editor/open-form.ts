// A connection's dialog opens on top of the dialog of the node that uses it: more than one can be open.
const openIds = new Set<string>();

/** Tells the validators that this node's dialog is open, so that they read its fields and nobody else's. */
export function formOpened(id: string): void {
  openIds.add(id);
}

/** Ends what `formOpened` began: from here on validators read what is stored. */
export function formClosed(id: string): void {
  openIds.delete(id);
}

/** Whether the node's own dialog is open: meanwhile the editor validates other nodes of its type too. */
export function isFormOpen(id: string): boolean {
  return openIds.has(id);
}
