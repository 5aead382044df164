import { text } from './text.ts';

interface TypeDefinition {
  readonly value: string;
  readonly label?: string;
  readonly icon?: string;
  readonly hasValue?: boolean;
  /** What the field holds as soon as this type is chosen. */
  readonly default?: string;
}

const CONTENT_TYPES = ['application/json', 'application/octet-stream', 'text/csv', 'text/html', 'text/plain'];

/** A field that is either left out or of one kind: text, a number or JSON. `blank` says what it means to leave it out. */
export function optionalInput(
  selector: string,
  kind: 'str' | 'num' | 'json',
  stored: unknown,
  blank: string = none(),
): void {
  create(selector, stored, stored === undefined || stored === '' ? 'none' : kind, [leftOut(blank), kind]);
}

/** A content type: left out, one of the usual ones, or any other. */
export function contentTypeInput(selector: string, stored: unknown, blank: string = none()): void {
  const usual = CONTENT_TYPES.map((value) => ({ value, label: value, hasValue: false, default: value }));
  const other = {
    value: 'other',
    label: text('mqtt-connection', 'choice.other'),
    icon: 'red/images/typedInput/az.svg',
  };
  create(selector, stored, contentTypeChoice(stored), [leftOut(blank), ...usual, other]);
}

function contentTypeChoice(stored: unknown): string {
  if (typeof stored !== 'string' || stored === '') return 'none';
  return CONTENT_TYPES.includes(stored) ? stored : 'other';
}

function none(): string {
  return text('mqtt-connection', 'choice.none');
}

function leftOut(label: string): TypeDefinition {
  return { value: 'none', label, hasValue: false, default: '' };
}

function create(selector: string, stored: unknown, initial: string, types: (string | TypeDefinition)[]): void {
  const field = $(selector);
  // The widget copies this name to the field that it shows, which the label's "for" does not reach.
  field.attr('aria-label', labelOf(field));
  field.val(typeof stored === 'number' ? String(stored) : typeof stored === 'string' ? stored : '');
  field.typedInput({ default: initial, types: types as never });
  const button = field.next('.red-ui-typedInput-container').find('.red-ui-typedInput-type-select');
  button.attr('aria-label', labelOf(field));
}

function labelOf(field: JQuery): string {
  return $(`label[for="${field.attr('id') ?? ''}"]`)
    .text()
    .trim();
}
