import {
  type PasswordSource,
  type ShownCertificate,
  TEST_PATH,
  type TestAnswer,
  TESTED_FIELDS,
  type TestedField,
  type TestFailure,
  type TestRequest,
  type TestStep,
} from '../common/test-answer.ts';
import { failureText } from '../failures/failure-text.ts';
import { adviceOf } from './test-advice.ts';
import { text } from './text.ts';

const BUTTON = '#posthorn-test-button';
const RESULT = '#posthorn-test-result';

/** The test that is under way: one for the one dialog that is open. */
let running: JQuery.jqXHR<TestAnswer> | undefined;

/** Lets a person try what is entered in the dialog of a connection, before it is deployed. */
export function offerTest(id: string): void {
  showButton();
  $(BUTTON).on('click', () => (running === undefined ? begin(id) : endTest()));
}

/** The dialog is closed, or nobody wants to know any more: Node-RED ends the test with the request. */
export function endTest(): void {
  const request = running;
  running = undefined;
  request?.abort();
}

function begin(id: string): void {
  const request: JQuery.jqXHR<TestAnswer> = $.ajax({
    url: TEST_PATH,
    type: 'POST',
    contentType: 'application/json',
    data: JSON.stringify(entered(id)),
    dataType: 'json',
  });
  running = request;
  showButton();
  show([line('posthorn-test-running', say('running'))]);
  request
    .done((answer) => show(resultOf(answer)))
    .fail((failed) => show(failed.statusText === 'abort' ? [] : [line('posthorn-test-failed', problemOf(failed))]))
    .always(() => {
      if (running === request) running = undefined;
      showButton();
    });
}

/** A password that the editor does not have is told as that. */
function entered(id: string): TestRequest {
  const tls = valueOf('tls');
  return {
    id,
    fields: Object.fromEntries(TESTED_FIELDS.map((field) => [field, fieldOf(field)])),
    tls: tls === '_ADD_' ? '' : tls,
    user: valueOf('user'),
    password: valueOf('password'),
  };
}

function fieldOf(field: TestedField): string | boolean {
  const input = $(`#node-config-input-${field}`);
  return input.is(':checkbox') ? input.is(':checked') : valueOf(field);
}

function valueOf(field: string): string {
  const value = $(`#node-config-input-${field}`).val();
  return typeof value === 'string' ? value : '';
}

function showButton(): void {
  $(BUTTON).text(say(running === undefined ? 'button' : 'stop'));
}

function show(parts: readonly JQuery[]): void {
  $(RESULT)
    .empty()
    .append([...parts])
    .toggle(parts.length > 0);
}

/** All of it by `text`: what a server says is not to become a part of the page. */
function resultOf(answer: TestAnswer): JQuery[] {
  const { steps, failure } = answer;
  return [
    headline(answer),
    $('<ol class="posthorn-test-steps">').append([
      ...steps.map(stepRow),
      ...(failure === undefined ? [] : [failureRow(failure)]),
    ]),
    ...(failure === undefined ? [] : whatToDo(answer, failure)),
    ...notesOf(answer).map((note) => line('posthorn-test-note', note)),
  ];
}

function headline({ server, steps, failure }: TestAnswer): JQuery {
  if (failure !== undefined) return line('posthorn-test-failed', say('failed', { stage: stageName(failure.stage) }));
  const milliseconds = steps.reduce((sum, step) => sum + step.milliseconds, 0);
  return line('posthorn-test-passed', say('passed', { server, milliseconds }));
}

function stepRow({ stage, milliseconds, seen, certificate, unverified }: TestStep): JQuery {
  const details = stage === 'secure' ? [...seen, verifiedText(unverified)] : seen;
  const row = rowOf(stage, details.join(', '), milliseconds, unverified === undefined ? 'check' : 'exclamation');
  return certificate === undefined ? row : row.append(certificateList(certificate));
}

function failureRow({ stage, milliseconds, failure, certificate }: TestFailure): JQuery {
  const row = rowOf(stage, failure.message, milliseconds, 'times');
  return certificate === undefined ? row : row.append(certificateList(certificate));
}

function rowOf(stage: TestFailure['stage'], details: string, milliseconds: number, icon: string): JQuery {
  return $('<li>').append([
    $('<i aria-hidden="true">').addClass(`fa fa-fw fa-${icon} posthorn-test-${icon}`),
    $('<span class="posthorn-test-stage">').text(stageName(stage)),
    $('<span class="posthorn-test-seen">').text(details),
    $('<span class="posthorn-test-time">').text(`${milliseconds} ms`),
  ]);
}

function certificateList({ subject, names, issuer, validFrom, validTo, fingerprint }: ShownCertificate): JQuery {
  const rows = [
    ['subject', subject],
    ['names', names],
    ['issuer', issuer],
    ['validTo', `${dateOf(validTo)} (${say('certificate.validFrom')} ${dateOf(validFrom)})`],
    ['fingerprint', fingerprint],
  ] as const;
  return $('<dl class="posthorn-test-certificate">').append(
    rows
      .filter(([, value]) => value !== '')
      .flatMap(([name, value]) => [$('<dt>').text(say(`certificate.${name}`)), $('<dd>').text(value)]),
  );
}

function dateOf(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '?' : new Date(milliseconds).toISOString().slice(0, 10);
}

function verifiedText(unverified: string | undefined): string {
  return unverified === undefined ? say('verified') : say('unverified', { code: unverified });
}

function whatToDo(answer: TestAnswer, failure: TestFailure): JQuery[] {
  const at = adviceOf(answer, failure);
  if (at !== 'catalogue') return [adviceLine(say(at.test))];
  const { means, doThis } = failureText(failure.failure.id, (key, values) => RED._(key, values));
  return [line('posthorn-test-means', means), adviceLine(doThis)];
}

function adviceLine(advice: string): JQuery {
  return $('<div class="posthorn-test-advice">').append([
    $('<b>').text(`${say('whatToDo')}: `),
    $('<span>').text(advice),
  ]);
}

const PASSWORD_NOTES: Readonly<Partial<Record<PasswordSource, string>>> = {
  stored: 'note.stored',
  withheld: 'note.withheld',
};

function notesOf({ firstRefusal, password, tls, clientId }: TestAnswer): string[] {
  const passwordNote = PASSWORD_NOTES[password];
  return [
    ...(firstRefusal === undefined ? [] : [`${say('note.firstRefusal')} ${firstRefusal.message}`]),
    ...(passwordNote === undefined ? [] : [say(passwordNote)]),
    ...(tls === undefined ? [] : [say('note.tls', { name: tls })]),
    ...(clientId === '' ? [] : [say('note.clientId', { clientId })]),
  ];
}

function problemOf({ status, statusText }: JQuery.jqXHR): string {
  if (status === 409) return say('problem.busy');
  if (status === 401 || status === 403) return say('problem.forbidden');
  return say('problem.other', { reason: status === 0 ? statusText : `${status} ${statusText}` });
}

function stageName(stage: TestFailure['stage']): string {
  return say(`stage.${stage}`);
}

function line(name: string, words: string): JQuery {
  return $('<div>').addClass(name).text(words);
}

function say(key: string, values: Readonly<Record<string, string | number>> = {}): string {
  return text('mqtt-connection', `test.${key}`, values);
}
