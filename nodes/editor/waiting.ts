import { ageOf } from '../common/age.ts';
import { connectionLabel, type LabelledConnection } from '../common/connection-label.ts';
import { OUTBOX_PATH, type OutboxAnswer } from '../common/outbox-answer.ts';
import { flowsRed, type LiveNode } from './flows-red.ts';
import { text } from './text.ts';

/** Milliseconds between two looks at what waits, while the dialog is open. */
const LOOK = 2000;

/** A failure is shown so long, in milliseconds. */
const BRIEFLY = 8000;

const ROW = '#posthorn-waiting';

/** Shows in the dialog what waits in a connection that is deployed, to have it as a file or to discard it. */
export function showWaiting(id: string, name: string): void {
  $(ROW).data('connection', id);
  $('#posthorn-waiting-export').on('click', () => exportMessages(id, name));
  $('#posthorn-waiting-discard').on('click', () => askToDiscard(id));
  look(id);
}

/** A connection is deleted while messages wait: says so, and takes it back where that was not meant. */
export function askBeforeRemoval(): void {
  flowsRed().events.on('nodes:remove', (node) => {
    if (node.type !== 'mqtt-connection') return;
    // One that was never deployed has nothing that waits, and is not known.
    requestOutbox(node.id).done(({ messages }) => {
      if (messages > 0 && isRemoved(node)) askToRemove(node, messages);
    });
  });
}

function look(id: string): void {
  // One that was not deployed yet is not known.
  requestOutbox(id).done((outbox) => {
    if (!isOpenFor(id)) return;
    show(outbox);
    setTimeout(() => isOpenFor(id) && look(id), LOOK);
  });
}

/** The dialog may be closed by now, or be another one's. */
function isOpenFor(id: string): boolean {
  return $(ROW).data('connection') === id;
}

function show({ messages, bytes, oldest }: OutboxAnswer): void {
  const values = { count: messages, size: sizeOf(bytes), age: ageOf(oldest * 1000) };
  $('#posthorn-waiting-text').text(messages === 0 ? say('nothing') : say('some', values));
  $('#posthorn-waiting-export, #posthorn-waiting-discard').toggle(messages > 0);
  $(ROW).show();
}

function exportMessages(id: string, name: string): void {
  const request: JQuery.jqXHR<string> = $.ajax({ url: messagesOf(id), dataType: 'text' });
  request.done((lines) => save(lines, `${name}.jsonl`)).fail(failed);
}

function save(content: string, file: string): void {
  const url = URL.createObjectURL(new Blob([content], { type: 'application/x-ndjson' }));
  const link = $('<a>', { href: url, download: file.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-') }).appendTo('body');
  link[0]?.click();
  link.remove();
  URL.revokeObjectURL(url);
}

function askToDiscard(id: string): void {
  const choices = [
    { text: say('cancel') },
    { text: say('confirm'), id: 'posthorn-waiting-confirm', run: () => discard(id) },
  ];
  requestOutbox(id)
    .done(({ messages }) => ask(say('ask', { count: messages }), choices))
    .fail(failed);
}

function discard(id: string): void {
  const request: JQuery.jqXHR<OutboxAnswer> = $.ajax({ url: messagesOf(id), type: 'DELETE', dataType: 'json' });
  request.done((left) => isOpenFor(id) && show(left)).fail(failed);
}

function askToRemove(node: LabelledConnection, count: number): void {
  ask(say('removed', { name: connectionLabel(node), count }), [
    { text: say('remove'), id: 'posthorn-waiting-remove' },
    { text: say('keep'), id: 'posthorn-waiting-keep', run: () => flowsRed().actions.invoke('core:undo') },
  ]);
}

/** The last choice is the one that is offered first. */
function ask(question: string, choices: readonly { text: string; id?: string; run?: () => void }[]): void {
  const shown = flowsRed().notify($('<p>').text(question), {
    type: 'warning',
    modal: true,
    fixed: true,
    buttons: choices.map(({ text: label, id, run }, index) => ({
      text: label,
      ...(index === choices.length - 1 && { class: 'primary' }),
      ...(id !== undefined && { id }),
      click: () => {
        shown.close();
        run?.();
      },
    })),
  });
}

function failed({ status, statusText }: JQuery.jqXHR): void {
  const reason = status === 0 ? statusText : `${status} ${statusText}`;
  flowsRed().notify($('<p>').text(say('failed', { reason })), { type: 'error', timeout: BRIEFLY });
}

/** It may have been replaced by itself, as when flows are loaded anew. */
function isRemoved({ id }: LiveNode): boolean {
  return (flowsRed().nodes.node(id) ?? undefined) === undefined;
}

function requestOutbox(id: string): JQuery.jqXHR<OutboxAnswer> {
  return $.ajax({ url: pathOf(id), dataType: 'json' });
}

function messagesOf(id: string): string {
  return `${pathOf(id)}/messages`;
}

function pathOf(id: string): string {
  return `${OUTBOX_PATH}/${encodeURIComponent(id)}`;
}

function sizeOf(bytes: number): string {
  const kibibytes = bytes / 1024;
  return kibibytes < 1024 ? `${Math.ceil(kibibytes)} KiB` : `${(kibibytes / 1024).toFixed(1)} MiB`;
}

function say(key: string, values: Readonly<Record<string, string | number>> = {}): string {
  return text('mqtt-connection', `waiting.${key}`, values);
}
