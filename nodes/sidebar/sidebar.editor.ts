import { button, element } from './dom.editor.ts';
import { ConnectionsView } from './connections-view.editor.ts';
import { sidebarRed } from './sidebar-red.editor.ts';
import { offerTopics } from './topic-source.editor.ts';
import { TopicsView } from './topics-view.editor.ts';
import { say } from './words.editor.ts';

const ID = 'posthorn-mqtt';

/** Milliseconds between two looks while the sidebar is to be seen: nothing is asked for while it is not. */
const LOOK = 1000;

/** Looks after which the connections are asked for while the topics are shown. */
const SELDOM = 5;

type Tab = 'connections' | 'topics';

/** The sidebar "MQTT": the connections, and the topics of one of them. */
class Sidebar {
  readonly element = element('div', { class: 'posthorn-sidebar' });
  readonly #topics = new TopicsView();
  readonly #connections = new ConnectionsView((answer) => this.#topics.offer(answer));
  readonly #tabs = new Map<Tab, HTMLButtonElement>();
  #shown: Tab = 'connections';
  #looks = 0;

  constructor() {
    const tabs = element('div', { class: 'posthorn-sb-tabs', role: 'tablist', 'aria-label': say('title') });
    for (const tab of ['connections', 'topics'] as const) {
      const made = button(say(`tab.${tab}`), () => this.#show(tab), {
        role: 'tab',
        class: 'posthorn-sb-tab',
        id: `posthorn-sb-tab-${tab}`,
      });
      this.#tabs.set(tab, made);
      tabs.append(made);
    }
    tabs.addEventListener('keydown', (event) => this.#key(event));
    for (const tab of this.#tabs.keys()) this.#panel(tab).setAttribute('role', 'tabpanel');
    this.element.append(tabs, this.#connections.element, this.#topics.element);
    this.#show('connections');
    setInterval(() => this.look(), LOOK);
  }

  /** Asks for what is to be seen. */
  look(): void {
    if (document.hidden || this.element.offsetParent === null) return;
    this.#looks += 1;
    if (this.#shown === 'topics') this.#topics.tick();
    if (this.#shown === 'connections' || this.#looks % SELDOM === 1) void this.#connections.look();
  }

  #show(tab: Tab): void {
    this.#shown = tab;
    this.#looks = 0;
    for (const [each, at] of this.#tabs) {
      at.setAttribute('aria-selected', String(each === tab));
      at.tabIndex = each === tab ? 0 : -1;
      this.#panel(each).hidden = each !== tab;
    }
    this.look();
  }

  #key(event: KeyboardEvent): void {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    const other = this.#shown === 'topics' ? 'connections' : 'topics';
    this.#show(other);
    this.#tabs.get(other)?.focus();
    event.stopPropagation();
  }

  #panel(tab: Tab): HTMLElement {
    const { element: panel } = tab === 'topics' ? this.#topics : this.#connections;
    panel.setAttribute('aria-labelledby', `posthorn-sb-tab-${tab}`);
    return panel;
  }
}

const red = sidebarRed();
red.plugins.registerPlugin('posthorn-mqtt-sidebar', {
  type: 'posthorn-sidebar',
  onadd() {
    const sidebar = new Sidebar();
    red.sidebar.addTab({
      id: ID,
      label: say('title'),
      name: say('title'),
      content: sidebar.element,
      iconClass: 'fa fa-exchange',
      enableOnEdit: true,
      onchange: () => sidebar.look(),
    });
  },
});
offerTopics();
