import type { LookAnswer, TopicRow } from '../common/sidebar-answers.ts';
import { element, setText, symbol } from './dom.editor.ts';
import { counted, say } from './words.editor.ts';

/** Pixels. */
const ROW = 24;
const INDENT = 14;

/** Rows that are asked for above and below what is to be seen. */
const MARGIN = 20;

/** Rows that one answer has at most. */
const MOST = 200;

/** Levels by which rows move to the right: of deeper ones nothing would be left to see. */
const DEEPEST = 12;

export interface TopicListOwner {
  /** Other rows are to be seen, or another one is chosen. */
  changed(): void;
  /** A row is to be opened or closed. */
  opened(id: number, isOpen: boolean): void;
}

/** The tree of topics: of however many rows only those in view are in the page. */
export class TopicList {
  readonly element = element('div', { class: 'posthorn-sb-tree', role: 'tree', tabindex: '0' });
  readonly #space = element('div', { class: 'posthorn-sb-tree-space', role: 'presentation' });
  readonly #owner: TopicListOwner;
  readonly #rows = new Map<number, RowElement>();
  #answer: Pick<LookAnswer, 'first' | 'rows' | 'rowCount'> = { first: 0, rows: [], rowCount: 0 };
  /** The row on which the keyboard is. */
  #at = -1;
  #selected: number | null = null;

  constructor(owner: TopicListOwner) {
    this.#owner = owner;
    this.element.setAttribute('aria-label', say('topics.tree'));
    this.element.append(this.#space);
    this.element.addEventListener('scroll', () => this.#scrolled());
    this.element.addEventListener('keydown', (event) => this.#key(event));
    this.element.addEventListener('click', (event) => this.#clicked(event));
  }

  /** The row whose value is shown. */
  get selected(): number | null {
    return this.#selected;
  }

  /** The rows that are wanted. */
  get wanted(): { readonly first: number; readonly count: number } {
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / ROW) - MARGIN);
    return { first, count: Math.min(MOST, Math.ceil(clientHeight / ROW) + 2 * MARGIN) };
  }

  /** Nothing is there, from the top. */
  clear(): void {
    this.#at = -1;
    this.#selected = null;
    this.element.scrollTop = 0;
    this.show({ first: 0, rows: [], rowCount: 0 });
  }

  show(answer: Pick<LookAnswer, 'first' | 'rows' | 'rowCount'>): void {
    this.#answer = answer;
    this.#space.style.height = `${answer.rowCount * ROW}px`;
    // New topics move the others: the keyboard stays where it was.
    const at = answer.rows.findIndex(({ id }) => id === this.#selected);
    if (at >= 0) this.#at = answer.first + at;
    this.#draw();
  }

  #draw(): void {
    const { first, rows } = this.#answer;
    const gone = new Set(this.#rows.keys());
    for (const [index, row] of rows.entries()) {
      gone.delete(row.id);
      this.#rowElement(row.id).update(row, first + index, row.id === this.#selected);
    }
    for (const id of gone) {
      this.#rows.get(id)?.element.remove();
      this.#rows.delete(id);
    }
    const current = this.#selected === null ? undefined : this.#rows.get(this.#selected);
    if (current === undefined) this.element.removeAttribute('aria-activedescendant');
    else this.element.setAttribute('aria-activedescendant', current.element.id);
  }

  #rowElement(id: number): RowElement {
    const known = this.#rows.get(id);
    if (known !== undefined) return known;
    const made = new RowElement(id);
    this.#rows.set(id, made);
    this.#space.append(made.element);
    return made;
  }

  #scrolled(): void {
    const { first, count } = this.wanted;
    const { first: has, rows, rowCount } = this.#answer;
    const needsMore = first + MARGIN / 2 < has || Math.min(rowCount, first + count - MARGIN / 2) > has + rows.length;
    if (needsMore) this.#owner.changed();
  }

  #clicked({ target }: MouseEvent): void {
    const at = target instanceof Element ? target.closest('.posthorn-sb-row') : null;
    const row = this.#answer.rows.find(({ id }) => at?.id === rowId(id));
    if (row === undefined || !(target instanceof Element)) return;
    this.#select(row);
    if (target.closest('.posthorn-sb-toggle') !== null) this.#toggle(row);
  }

  #key(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: this.#at + 1,
      ArrowUp: Math.max(0, this.#at - 1),
      PageDown: this.#at + page,
      PageUp: Math.max(0, this.#at - page),
      Home: 0,
      End: Infinity,
    };
    const to = moves[event.key];
    if (to !== undefined) this.#move(to);
    else if (!this.#act(event.key)) return;
    event.preventDefault();
    // The editor has keys of its own.
    event.stopPropagation();
  }

  /** @returns whether the key does something. */
  #act(key: string): boolean {
    const row = this.#answer.rows[this.#at - this.#answer.first];
    if (row === undefined) return false;
    if (key === 'ArrowRight') {
      if (row.isOpen) this.#move(this.#at + 1);
      else if (row.hasChildren) this.#owner.opened(row.id, true);
    } else if (key === 'ArrowLeft') {
      if (row.isOpen && row.hasChildren) this.#owner.opened(row.id, false);
      else if (row.up >= 0) this.#move(row.up);
    } else if (key === 'Enter' || key === ' ') {
      this.#toggle(row);
    } else return false;
    return true;
  }

  #toggle({ id, hasChildren, isOpen }: TopicRow): void {
    if (hasChildren) this.#owner.opened(id, !isOpen);
  }

  /** The keyboard goes to a row, which may not be here yet. */
  #move(to: number): void {
    const { rowCount, rows, first } = this.#answer;
    if (rowCount === 0) return;
    const at = Math.min(to, rowCount - 1);
    this.#at = at;
    this.#reveal(at);
    const row = rows[at - first];
    if (row === undefined) this.#owner.changed();
    else this.#select(row);
  }

  #reveal(at: number): void {
    const top = at * ROW;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + ROW > scrollTop + clientHeight) this.element.scrollTop = top + ROW - clientHeight;
  }

  #select({ id }: TopicRow): void {
    this.#selected = id;
    this.#at = this.#answer.first + this.#answer.rows.findIndex((row) => row.id === id);
    this.#draw();
    this.#owner.changed();
  }
}

class RowElement {
  readonly element: HTMLElement;
  readonly #toggle = element('span', { class: 'posthorn-sb-toggle' }, symbol('caret-right'));
  readonly #label = element('span', { class: 'posthorn-sb-label' });
  readonly #value = element('span', { class: 'posthorn-sb-value' });
  readonly #count = element('span', { class: 'posthorn-sb-count' });
  #messages = -1;

  constructor(id: number) {
    this.element = element('div', { class: 'posthorn-sb-row', role: 'treeitem', id: rowId(id) });
    this.element.append(this.#toggle, this.#label, this.#value, this.#count);
  }

  update(
    { depth, label, hasChildren, isOpen, topics, messages, value }: TopicRow,
    at: number,
    isSelected: boolean,
  ): void {
    const { element: row } = this;
    row.style.transform = `translateY(${at * ROW}px)`;
    row.style.paddingLeft = `${4 + Math.min(depth, DEEPEST) * INDENT}px`;
    row.setAttribute('aria-level', String(depth + 1));
    row.setAttribute('aria-selected', String(isSelected));
    if (hasChildren) row.setAttribute('aria-expanded', String(isOpen));
    else row.removeAttribute('aria-expanded');
    row.classList.toggle('posthorn-sb-leaf', !hasChildren);
    setText(this.#label, label === '' ? say('topics.emptyLevel') : label);
    this.#label.classList.toggle('posthorn-sb-empty', label === '');
    setText(this.#value, value ?? '');
    setText(this.#count, counted(hasChildren ? topics : messages));
    this.#count.title = say('topics.rowCounts', { topics: counted(topics), messages: counted(messages) });
    row.classList.toggle('posthorn-sb-fresh', this.#messages >= 0 && messages !== this.#messages);
    this.#messages = messages;
  }
}

function rowId(id: number): string {
  return `posthorn-sb-row-${id}`;
}
