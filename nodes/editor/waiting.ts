import { ageOf } from '../common/age.ts';
import { connectionLabel, type LabelledConnection } from '../common/connection-label.ts';
import { OUTBOX_PATH, type OutboxAnswer } from '../common/outbox-answer.ts';
import { flowsRed, type HistoryStep, type LiveNode } from './flows-red.ts';
import { text } from './text.ts';

/** Milliseconds between two looks at what waits, while the dialog is open. */
const LOOK = 2000;

/** A failure is shown so long, in milliseconds. */
const BRIEFLY = 8000;

const ROW = '#posthorn-waiting';

type Removed = LiveNode & LabelledConnection;

/** Shows in the dialog what waits in a connection that is deployed, to have it as a file or to discard it. */
export function showWaiting(id: string, name: string): void {
  $(ROW).data('connection', id);
  $('#posthorn-waiting-export').on('click', () => exportMessages(id, name));
  $('#posthorn-waiting-discard').on('click', () => askToDiscard(id));
  look(id);
}

/** Connections are deleted while messages wait: says so, and takes it back where that was not meant. */
export function askBeforeRemoval(): void {
  const removed: Removed[] = [];
  flowsRed().events.on('nodes:remove', (node) => {
    if (node.type !== 'mqtt-connection') return;
    // Several that are deleted together are one question.
    if (removed.push(node) === 1) setTimeout(() => askFor(removed.splice(0)), 0);
  });
}

/** Those that were never deployed have nothing that waits, and are not known. */
function askFor(removed: readonly Removed[]): void {
  const step = flowsRed().history.peek();
  const answers: { node: Removed; outbox: OutboxAnswer }[] = [];
  let left = removed.length;
  for (const node of removed) {
    requestOutbox(node.id)
      .done((outbox) => {
        const mayWait = outbox !== undefined && (outbox.messages > 0 || !outbox.isKnown);
        if (mayWait && isRemoved(node)) answers.push({ node, outbox });
      })
      .always(() => {
        left -= 1;
        if (left === 0 && answers.length > 0) askToRemove(answers, step);
      });
  }
}

function look(id: string): void {
  // One that was not deployed yet is not known.
  requestOutbox(id).done((outbox) => {
    if (outbox === undefined || !isOpenFor(id)) return;
    show(outbox);
    setTimeout(() => isOpenFor(id) && look(id), LOOK);
  });
}

/** The dialog may be closed by now, or be another one's. */
function isOpenFor(id: string): boolean {
  return $(ROW).data('connection') === id;
}

function show({ isKnown, messages, bytes, oldest }: OutboxAnswer): void {
  const values = { count: messages, size: sizeOf(bytes), age: ageOf(oldest * 1000) };
  const known = messages === 0 ? say('nothing') : say('some', values);
  $('#posthorn-waiting-text').text(isKnown ? known : say('unknown'));
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
    .done((outbox) => ask([say('ask', { count: outbox?.messages ?? 0 })], choices))
    .fail(failed);
}

function discard(id: string): void {
  const request: JQuery.jqXHR<OutboxAnswer> = $.ajax({ url: messagesOf(id), type: 'DELETE', dataType: 'json' });
  request.done((left) => isOpenFor(id) && show(left)).fail(failed);
}

function askToRemove(answers: readonly { node: Removed; outbox: OutboxAnswer }[], step: HistoryStep | undefined): void {
  const lines = answers.map(({ node, outbox }) =>
    say(outbox.isKnown ? 'removed' : 'removedUnknown', { name: connectionLabel(node), count: outbox.messages }),
  );
  const ids = answers.map(({ node }) => node.id);
  const keep = {
    text: say('keep'),
    id: 'posthorn-waiting-keep',
    run: () => isLast(step) && flowsRed().actions.invoke('core:undo'),
  };
  // Taken away by an undo, it is not brought back by another one.
  const canBeKept = step !== undefined && isLast(step) && removes(step, ids);
  ask(lines, [{ text: say('remove'), id: 'posthorn-waiting-remove' }, ...(canBeKept ? [keep] : [])]);
}

function isLast(step: HistoryStep | undefined): boolean {
  return flowsRed().history.peek() === step;
}

/** Whether it is the step by which they went. */
function removes({ t, nodes, events = [] }: HistoryStep, ids: readonly string[]): boolean {
  if (t === 'multi') return events.some((event) => removes(event, ids));
  return t === 'delete' && Array.isArray(nodes) && nodes.some(({ id }: { id?: string }) => ids.includes(id ?? ''));
}

/** The last choice is the one that is offered first. */
function ask(
  question: readonly string[],
  choices: readonly { text: string; id?: string; run?: () => unknown }[],
): void {
  const content = $('<div>').append(question.map((line) => $('<p>').text(line)));
  const shown = flowsRed().notify(content, {
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

/** Nothing is answered of one that was not deployed yet. */
function requestOutbox(id: string): JQuery.jqXHR<OutboxAnswer | undefined> {
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
