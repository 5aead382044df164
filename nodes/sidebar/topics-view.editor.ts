import type { FailureNumbers } from '../common/connection-numbers.ts';
import {
  type ConnectionEntry,
  type ConnectionsAnswer,
  type LookAnswer,
  type TestAnswer,
  type TestMessage,
  WATCHES_PATH,
} from '../common/sidebar-answers.ts';
import { validTopicFilter } from '../editor/validators.ts';
import { ask, type RequestFailure } from './ask.editor.ts';
import { refusalText } from './connections-view.editor.ts';
import { button, element, setText, show } from './dom.editor.ts';
import { addNode } from './new-node.editor.ts';
import { askForMessage, askToClear, tellResult } from './test-message.editor.ts';
import { TopicDetails } from './topic-details.editor.ts';
import { TopicList } from './topic-list.editor.ts';
import { whatToDo } from './what-to-do.editor.ts';
import { counted, say } from './words.editor.ts';

/** Milliseconds between two looks at least. */
const SHORTEST = 100;

/** The watch that is shown; or why there is none. */
type Shown =
  | { readonly is: 'none'; readonly why: string }
  | { readonly is: 'beginning' }
  | { readonly is: 'watching'; readonly watch: string; readonly connection: string; readonly qos: number };

/** Topics of a broker as they come, watched by a connection of its own. */
export class TopicsView {
  readonly element = element('div', { class: 'posthorn-sb-topics' });
  readonly #connection = element('select', { 'aria-label': say('topics.connection') });
  readonly #filter = element('input', { type: 'text', 'aria-label': say('topics.filter'), spellcheck: 'false' });
  readonly #qos = element('select', { 'aria-label': say('topics.qos'), title: say('topics.qosWhy') });
  readonly #toggle = button(say('topics.watch'), () => void this.#begin(), {
    class: 'red-ui-button red-ui-button-small posthorn-sb-primary posthorn-sb-watch',
  });
  readonly #note = element('p', { class: 'posthorn-sb-note' });
  readonly #status = element('p', { class: 'posthorn-sb-status' });
  readonly #search = element('input', {
    type: 'search',
    placeholder: say('topics.search'),
    'aria-label': say('topics.search'),
  });
  readonly #pause = button(say('topics.pause'), () => this.#pauseOrNot(), {
    'aria-pressed': 'false',
    class: 'red-ui-button red-ui-button-small posthorn-sb-pause',
  });
  readonly #stop = button(say('topics.stop'), () => this.end(), {
    class: 'red-ui-button red-ui-button-small posthorn-sb-stop',
  });
  readonly #watched = element('span', { class: 'posthorn-sb-watched' });
  readonly #bar = element('div', { class: 'posthorn-sb-bar' });
  readonly #find = element('div', { class: 'posthorn-sb-search' }, this.#search);
  readonly #form = element('div', { class: 'posthorn-sb-form-row' });
  readonly #list: TopicList;
  readonly #details: TopicDetails;
  #shown: Shown = { is: 'none', why: '' };
  #isPaused = false;
  #opened: number[] = [];
  #closed: number[] = [];
  #look: 'resting' | 'looking' | 'looking again' = 'resting';
  #connections: readonly ConnectionEntry[] = [];

  constructor() {
    this.#list = new TopicList({
      changed: () => void this.#lookNow(),
      opened: (id, isOpen) => {
        (isOpen ? this.#opened : this.#closed).push(id);
        void this.#lookNow();
      },
    });
    this.#details = new TopicDetails({
      addNode: (type, topic, atMouse) => this.#addNode(type, topic, atMouse),
      testMessage: (topic, payload) =>
        askForMessage(topic, payload, (message) => void this.#publish(message, 'publish.done')),
      clearRetained: (topic) =>
        askToClear(topic, () => void this.#publish({ topic, payload: '', qos: 1, retain: true }, 'clear.done')),
    });
    this.#filter.value = '#';
    for (const qos of ['0', '1', '2']) this.#qos.append(element('option', { value: qos }, `QoS ${qos}`));
    this.#filter.addEventListener('input', () => this.#explain());
    this.#filter.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') void this.#begin();
    });
    this.#search.addEventListener('input', () => void this.#lookNow());
    this.#form.append(this.#connection, this.#filter, this.#qos, this.#toggle);
    this.#bar.append(this.#watched, this.#pause, this.#stop);
    this.element.append(this.#form, this.#note, this.#bar, this.#status, this.#find, this.#list.element);
    this.element.append(this.#details.element);
    this.#draw();
  }

  /** The connections that can be chosen. */
  offer({ connections }: ConnectionsAnswer): void {
    this.#connections = connections;
    const ids = connections.map(({ id }) => id);
    const has = [...this.#connection.options].map(({ value }) => value);
    const chosen = this.#connection.value;
    if (ids.join('\n') !== has.join('\n')) {
      this.#connection.replaceChildren(...connections.map(({ id, label }) => element('option', { value: id }, label)));
      if (ids.includes(chosen)) this.#connection.value = chosen;
    }
    for (const [index, { label }] of connections.entries()) {
      const option = this.#connection.options[index];
      if (option !== undefined) setText(option, label);
    }
    this.#draw();
  }

  /** A second has passed, in which somebody looked. */
  tick(): void {
    void this.#lookNow();
  }

  /** Ends the watch, if there is one: the editor goes, or the sidebar. */
  end(): void {
    if (this.#shown.is === 'watching')
      void ask('DELETE', `${WATCHES_PATH}/${this.#shown.watch}`).catch(() => undefined);
    this.#become({ is: 'none', why: '' });
  }

  async #begin(): Promise<void> {
    if (this.#shown.is !== 'none' || this.#problem !== undefined) return;
    this.#become({ is: 'beginning' });
    const connection = this.#connection.value;
    const qos = Number(this.#qos.value);
    try {
      const answer = await ask<{ watch: string }>('POST', WATCHES_PATH, {
        connection,
        filter: this.#filter.value,
        qos,
      });
      if (answer !== undefined) this.#become({ is: 'watching', watch: answer.watch, connection, qos });
      await this.#lookNow();
    } catch (error) {
      this.#become({ is: 'none', why: refusalText(error as RequestFailure) });
    }
  }

  /** One at a time; what a person does meanwhile is asked for behind it. */
  async #lookNow(): Promise<void> {
    if (this.#shown.is !== 'watching') return;
    if (this.#look !== 'resting') {
      this.#look = 'looking again';
      return;
    }
    this.#look = 'looking';
    const begun = performance.now();
    await this.#lookOnce(this.#shown);
    await rest(Math.max(0, SHORTEST - (performance.now() - begun)));
    const again = this.#wantsMore;
    this.#look = 'resting';
    if (again) await this.#lookNow();
  }

  get #wantsMore(): boolean {
    return this.#look === 'looking again';
  }

  async #lookOnce(shown: Extract<Shown, { is: 'watching' }>): Promise<void> {
    const open = this.#opened.splice(0, MOST_LEVELS);
    const close = this.#closed.splice(0, MOST_LEVELS);
    const { selected, wanted } = this.#list;
    const request = { ...wanted, open, close, search: this.#search.value, selected, paused: this.#isPaused };
    try {
      const answer = await ask<LookAnswer>('POST', `${WATCHES_PATH}/${shown.watch}/look`, request);
      if (this.#shown !== shown) return;
      if (answer === undefined) this.#become({ is: 'none', why: say('topics.over') });
      else this.#show(answer, shown);
    } catch (error) {
      if (this.#shown === shown) setText(this.#status, refusalText(error as RequestFailure));
    }
  }

  #show(answer: LookAnswer, { qos }: Extract<Shown, { is: 'watching' }>): void {
    setText(this.#status, statusOf(answer, qos, this.#search.value));
    this.#list.show(answer);
    this.#details.show(answer.selected, answer.now);
    this.element.dataset['state'] = answer.state.granted === undefined ? 'coming' : 'watching';
  }

  #become(shown: Shown): void {
    this.#shown = shown;
    this.#isPaused = false;
    this.#opened = [];
    this.#closed = [];
    this.#search.value = '';
    this.#list.clear();
    this.#details.show(undefined, 0);
    this.element.dataset['state'] = shown.is;
    setText(this.#status, shown.is === 'none' ? shown.why : say('topics.subscribing'));
    this.#draw();
  }

  #draw(): void {
    const isWatching = this.#shown.is !== 'none';
    for (const at of [this.#bar, this.#find, this.#list.element]) show(at, isWatching);
    show(this.#form, !isWatching);
    const chosen = this.#connection.selectedOptions[0]?.textContent ?? '';
    setText(this.#watched, `${chosen} · ${this.#filter.value}`);
    setText(this.#pause, say(this.#isPaused ? 'topics.resume' : 'topics.pause'));
    this.#pause.setAttribute('aria-pressed', String(this.#isPaused));
    this.#explain();
  }

  /** What is wrong with the filter, or else what a watch is. */
  #explain(): void {
    const problem = this.#problem;
    const isNone = this.#shown.is === 'none';
    this.#toggle.disabled = problem !== undefined || this.#connection.value === '';
    this.#filter.classList.toggle('input-error', problem !== undefined);
    const isLarge = this.#filter.value === '#';
    const lines = isNone ? [problem ?? say('topics.second'), ...(isLarge ? [say('topics.large')] : [])] : [];
    setText(this.#note, this.#connections.length === 0 ? say('none') : lines.join(' '));
    show(this.#note, isNone);
  }

  get #problem(): string | undefined {
    const filter = this.#filter.value;
    if (filter.startsWith('$share/')) return say('topics.shared');
    const verdict = validTopicFilter(filter);
    return verdict === true ? undefined : verdict;
  }

  #pauseOrNot(): void {
    this.#isPaused = !this.#isPaused;
    this.#draw();
    void this.#lookNow();
  }

  #addNode(type: 'mqtt-in' | 'mqtt-out', topic: string, atMouse: boolean): void {
    const { connection = '' } = this.#shown.is === 'watching' ? this.#shown : {};
    const entry = this.#connections.find(({ id }) => id === connection);
    addNode(type, topic, entry?.nodeId ?? connection, atMouse);
  }

  async #publish(message: TestMessage, done: string): Promise<void> {
    if (this.#shown.is !== 'watching') return tellResult(say('topics.over'), false);
    try {
      const answer = await ask<TestAnswer>('POST', `${WATCHES_PATH}/${this.#shown.watch}/publish`, message);
      const failure = answer?.failure;
      tellResult(failure === undefined ? say(done) : inWords(failure), failure === undefined);
      void this.#lookNow();
    } catch (error) {
      tellResult(refusalText(error as RequestFailure), false);
    }
  }
}

/** What failed, and what to do, in one line. */
function inWords(failure: FailureNumbers): string {
  const { what, doThis } = whatToDo(failure);
  return doThis === '' ? what : `${what}. ${doThis}`;
}

/** Levels that one request opens or closes at most. */
const MOST_LEVELS = 200;

function rest(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function statusOf(
  { state, messages, topics, beyond, passed, rowCount }: LookAnswer,
  qos: number,
  search: string,
): string {
  const { phase, granted, failure } = state;
  if (failure !== undefined && (granted === undefined || phase !== 'connected')) return inWords(failure);
  if (granted === undefined) return say('topics.subscribing');
  const parts = [say('topics.counts', { topics: counted(topics), messages: counted(messages) })];
  if (search !== '') parts.push(say('topics.found', { count: counted(rowCount) }));
  if (messages === 0) parts.push(say('topics.nothing'));
  if (granted < qos) parts.push(say('topics.lowered', { qos: granted }));
  if (beyond > 0) parts.push(say('topics.beyond', { count: counted(beyond) }));
  if (passed > 0) parts.push(say('topics.passed', { count: counted(passed) }));
  return parts.join(' ');
}
