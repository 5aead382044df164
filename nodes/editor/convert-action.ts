import type { Conversion, Note } from '../convert/report.ts';
import { convertNodes } from './convert-nodes.ts';
import { type Convertible, findConvertible } from './convertible.ts';
import { flowsRed } from './flows-red.ts';
import { text } from './text.ts';

const ACTION = 'posthorn:convert-mqtt-nodes';
const MENU = 'menu-item-edit-menu';
const MENU_ITEM = 'menu-item-posthorn-convert';
/** Of a message with nothing to do, in milliseconds. */
const BRIEFLY = 8_000;

/**
 * Adds the action *Convert core MQTT nodes to Posthorn*, and an entry for it to the Edit menu. It converts the selection at once; with
 * nothing selected it asks before it converts all flows.
 */
export function registerConvertAction(): void {
  const { actions, menu } = flowsRed();
  // The editor loads this again when the nodes are enabled after they were disabled.
  actions.remove(ACTION);
  menu.removeItem(MENU_ITEM);
  actions.add(ACTION, start, { label: say('action') });
  menu.addItem(MENU, { id: MENU_ITEM, label: say('action'), onselect: ACTION });
}

function start(): void {
  const found = findConvertible(flowsRed().nodes.createCompleteNodeSet());
  const nothing = found.nodes.length === 0 && (found.selected || found.locked.length > 0 || found.brokers.length === 0);
  if (nothing) return sayNothingToConvert(found);
  if (found.selected) run(found);
  else ask(found);
}

function run(found: Convertible): void {
  // Nothing awaits an action: what fails is shown here.
  convertNodes(found).then(
    (conversion) => report(found, conversion),
    (error: unknown) => show('error', [say('failed', { reason: String(error) })]),
  );
}

function ask(found: Convertible): void {
  const question = flowsRed().notify(paragraphs([say('ask'), counts(found), ...lockedLines(found)]), {
    modal: true,
    fixed: true,
    buttons: [
      { text: say('cancel'), click: () => question.close() },
      {
        text: say('convert'),
        class: 'primary',
        id: 'posthorn-convert-all',
        click: () => {
          question.close();
          run(found);
        },
      },
    ],
  });
}

function counts({ nodes, brokers }: Convertible): string {
  const ofType = (type: string): number => nodes.filter((node) => node.type === type).length;
  return say('counts', { in: ofType('mqtt in'), out: ofType('mqtt out'), broker: brokers.length });
}

function sayNothingToConvert(found: Convertible): void {
  const key = found.selected ? 'nothingSelected' : 'nothing';
  show('warning', found.locked.length > 0 ? lockedLines(found) : [say(key)]);
}

function report(found: Convertible, { changed, notes }: Conversion): void {
  const keepsIds = changed.some(({ id, to }) => to === 'mqtt-connection' && found.brokers.some((one) => one.id === id));
  const lines = [
    say('done', { count: changed.length }),
    ...(keepsIds ? [say('credentialsStay')] : []),
    ...lockedLines(found),
  ];
  show(notes.length === 0 ? 'success' : 'warning', lines, notes.map(noteSentence));
}

function noteSentence({ kind, ...values }: Note): string {
  return say(`note.${kind}`, values);
}

function lockedLines({ locked }: Convertible): string[] {
  return locked.length === 0 ? [] : [say('locked', { count: locked.length })];
}

/** What is to be done stays until it was read. */
function show(type: 'success' | 'warning' | 'error', lines: readonly string[], tasks: readonly string[] = []): void {
  const content = paragraphs(lines);
  if (tasks.length > 0) content.append($('<ul>').append(tasks.map((task) => $('<li>').text(task))));
  if (tasks.length === 0) {
    flowsRed().notify(content, { type, timeout: BRIEFLY });
    return;
  }
  const shown = flowsRed().notify(content, {
    type,
    fixed: true,
    buttons: [{ text: say('close'), class: 'primary', click: () => shown.close() }],
  });
}

function paragraphs(lines: readonly string[]): JQuery {
  return $('<div class="posthorn-convert">').append(lines.map((line) => $('<p>').text(line)));
}

function say(key: string, values: Readonly<Record<string, string | number>> = {}): string {
  return text('mqtt-connection', `convert.${key}`, values);
}
