type Attributes = Readonly<Record<string, string>>;

/** An element. Texts become text, whatever they hold: nothing in the sidebar is ever read as HTML. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A symbol of the editor's own font, which says nothing to a screen reader. */
export function symbol(name: string): HTMLElement {
  return element('i', { class: `fa fa-${name}`, 'aria-hidden': 'true' });
}

/** A button that says what it does, by its text or as its title where it is a symbol. */
export function button(
  label: string,
  run: (event: MouseEvent) => void,
  attributes: Attributes = {},
  icon?: string,
): HTMLButtonElement {
  const classes = 'red-ui-button red-ui-button-small';
  const named = icon === undefined ? {} : { title: label, 'aria-label': label };
  const content = icon === undefined ? label : symbol(icon);
  const made = element('button', { type: 'button', class: classes, ...named, ...attributes }, content);
  made.addEventListener('click', run);
  return made;
}

/** Only what changed is touched: a text that is selected stays so. */
export function setText(at: Element, text: string): void {
  if (at.textContent !== text) at.textContent = text;
}

export function show(at: HTMLElement, isShown: boolean): void {
  at.hidden = !isShown;
}
