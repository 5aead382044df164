import type { SelectedTopic } from '../common/sidebar-answers.ts';
import { button, element, setText, show } from './dom.editor.ts';
import { Line } from './line.editor.ts';
import { bytesOf, isText, naturalForm, type PayloadForm, shownPayload } from './payload-view.editor.ts';
import { Rate } from './rates.editor.ts';
import { mayChange, sidebarRed } from './sidebar-red.editor.ts';
import { ageAt, counted, rateOf, say, sizeOf } from './words.editor.ts';

/** Characters of a topic that are shown; it is copied whole. */
const LONGEST_TOPIC = 1000;
const NUMBERS = 120;
const FORMS: readonly PayloadForm[] = ['text', 'json', 'hex'];

export interface TopicDetailsOwner {
  /** A node is wanted. @param atMouse it was asked for by the mouse, which then has it. */
  addNode(type: 'mqtt-in' | 'mqtt-out', topic: string, atMouse: boolean): void;
  testMessage(topic: string, payload: string): void;
  clearRetained(topic: string): void;
}

/** The topic that a person chose: its last value, and what can be done with it. */
export class TopicDetails {
  readonly element = element('section', { class: 'posthorn-sb-details', 'aria-label': say('detail.title') });
  readonly #topic = element('div', { class: 'posthorn-sb-topic' });
  readonly #meta = element('div', { class: 'posthorn-sb-meta' });
  readonly #forms = element('div', { class: 'posthorn-sb-forms', role: 'group', 'aria-label': say('detail.form') });
  readonly #value = element('pre', { class: 'posthorn-sb-payload', tabindex: '0' });
  readonly #cut = element('div', { class: 'posthorn-sb-note' });
  readonly #line = new Line();
  readonly #clear: HTMLButtonElement;
  #rate = new Rate();
  #shown: SelectedTopic | undefined;
  /** Chosen by a person; undefined: that which the value has by itself. */
  #form: PayloadForm | undefined;

  constructor(owner: TopicDetailsOwner) {
    const of = (act: (shown: SelectedTopic, event: MouseEvent) => void) => (event: MouseEvent) => {
      if (this.#shown !== undefined) act(this.#shown, event);
    };
    const isOfMouse = (event: MouseEvent): boolean => event.detail > 0;
    this.#clear = button(
      say('detail.clear'),
      of(({ topic }) => owner.clearRetained(topic)),
      { 'data-do': 'clear' },
    );
    const actions = element('div', { class: 'posthorn-sb-actions' });
    actions.append(
      button(
        say('detail.copy'),
        of(({ topic }) => sidebarRed().clipboard.copyText(topic)),
        { 'data-do': 'copy' },
      ),
      button(
        'mqtt-in',
        of(({ topic }, event) => owner.addNode('mqtt-in', topic, isOfMouse(event))),
        {
          'data-do': 'in',
          title: say('detail.in'),
        },
      ),
      button(
        'mqtt-out',
        of(({ topic }, event) => owner.addNode('mqtt-out', topic, isOfMouse(event))),
        {
          'data-do': 'out',
          title: say('detail.out'),
        },
      ),
    );
    if (mayChange()) {
      const test = of((shown) => owner.testMessage(shown.topic, textOf(shown)));
      actions.append(button(say('detail.publish'), test, { 'data-do': 'publish' }), this.#clear);
    }
    for (const form of FORMS) this.#forms.append(this.#formButton(form));
    this.element.append(this.#topic, this.#meta, actions, this.#forms, this.#line.element, this.#value, this.#cut);
    this.show(undefined, 0);
  }

  /** @param now of the runtime, in milliseconds since the epoch. */
  show(selected: SelectedTopic | undefined, now: number): void {
    show(this.element, selected !== undefined);
    if (selected === undefined) {
      this.#shown = undefined;
      return;
    }
    if (selected.id !== this.#shown?.id) this.#begin();
    this.#shown = selected;
    this.#rate.read(selected.messages, now);
    const { topic, messages, qos, retained, at, size, numbers } = selected;
    const longer = topic.length > LONGEST_TOPIC;
    setText(this.#topic, longer ? `${topic.slice(0, LONGEST_TOPIC)}…` : topic);
    const facts = [
      say('detail.age', { age: ageAt(now, at) }),
      say('detail.count', { count: counted(messages) }),
      rateOf(this.#rate.now ?? 0),
      say('detail.qos', { qos }),
      ...(retained === undefined ? [] : [say(retained ? 'detail.retained' : 'detail.notRetained')]),
      sizeOf(size),
    ];
    setText(this.#meta, facts.join(' · '));
    show(this.#clear, retained !== false);
    this.#line.element.toggleAttribute('hidden', numbers.length < 2);
    this.#line.draw(numbers, Math.min(NUMBERS, Math.max(20, numbers.length)));
    this.#showValue();
  }

  #begin(): void {
    this.#rate = new Rate();
    this.#form = undefined;
    this.element.scrollTop = 0;
  }

  #formButton(form: PayloadForm): HTMLElement {
    return button(
      say(`detail.${form}`),
      () => {
        this.#form = form;
        this.#showValue();
      },
      { class: 'red-ui-button red-ui-button-small posthorn-sb-form', 'data-form': form },
    );
  }

  #showValue(): void {
    if (this.#shown === undefined) return;
    const { payload, size } = this.#shown;
    const bytes = bytesOf(payload);
    const isCut = bytes.length < size;
    const form = this.#form ?? naturalForm(bytes, isCut);
    for (const each of this.#forms.children)
      each.setAttribute('aria-pressed', String(each.getAttribute('data-form') === form));
    setText(this.#value, shownPayload(bytes, form, isCut) ?? say('detail.noJson'));
    setText(this.#cut, isCut ? say('detail.cut', { kept: sizeOf(bytes.length), size: sizeOf(size) }) : '');
    show(this.#cut, isCut);
  }
}

/** What a test message begins with. */
function textOf({ payload, size }: SelectedTopic): string {
  const bytes = bytesOf(payload);
  const isWhole = bytes.length === size && isText(bytes, false);
  return isWhole ? new TextDecoder().decode(bytes) : '';
}
