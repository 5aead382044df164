import { flowsRed } from '../editor/flows-red.ts';
import type { TestMessage } from '../common/sidebar-answers.ts';
import { element } from './dom.editor.ts';
import { say } from './words.editor.ts';

/** Milliseconds for which a result is shown. */
const BRIEFLY = 6000;

/** Characters of a topic in a question. */
const LONGEST = 200;

/** Asks for a message to a topic, and gives it to `publish`. */
export function askForMessage(topic: string, payload: string, publish: (message: TestMessage) => void): void {
  const to = element('input', { type: 'text', id: 'posthorn-sb-test-topic' });
  const text = element('textarea', { rows: '4', id: 'posthorn-sb-test-payload' });
  const qos = element('select', { id: 'posthorn-sb-test-qos' });
  for (const each of ['0', '1', '2']) qos.append(element('option', { value: each }, each));
  const retain = element('input', { type: 'checkbox', id: 'posthorn-sb-test-retain' });
  to.value = topic;
  text.value = payload;
  const form = element(
    'div',
    { class: 'posthorn-sb-test' },
    element('label', {}, element('span', {}, say('publish.topic')), to),
    element('label', {}, element('span', {}, say('publish.payload')), text),
    element('label', {}, element('span', {}, say('publish.qos')), qos),
    element('label', {}, element('span', {}, say('publish.retain')), retain),
  );
  const send = (): void =>
    publish({ topic: to.value, payload: text.value, qos: Number(qos.value) as 0 | 1 | 2, retain: retain.checked });
  question([form], say('publish.send'), 'posthorn-sb-test-send', send);
  text.focus();
}

/** Asks before the retained message of a topic is cleared. */
export function askToClear(topic: string, clear: () => void): void {
  const shown = topic.length > LONGEST ? `${topic.slice(0, LONGEST)}…` : topic;
  const lines = [element('p', {}, say('clear.ask')), element('p', { class: 'posthorn-sb-topic' }, shown)];
  question(lines, say('clear.confirm'), 'posthorn-sb-clear-confirm', clear);
}

/** Says what became of it. */
export function tellResult(sentence: string, isGood: boolean): void {
  flowsRed().notify($(element('p', {}, sentence)), { type: isGood ? 'success' : 'error', timeout: BRIEFLY });
}

function question(content: readonly HTMLElement[], label: string, id: string, run: () => void): void {
  const shown = flowsRed().notify($(element('div', {}, ...content)), {
    modal: true,
    fixed: true,
    buttons: [
      { text: say('cancel'), click: () => shown.close() },
      {
        text: label,
        id,
        class: 'primary',
        click: () => {
          shown.close();
          run();
        },
      },
    ],
  });
}
