import { type Catalogue, type FailureText, fill, OTHER } from './catalogue.ts';

/** Where the editor has the texts: they are built into the catalogue of this node set. */
export const NAMESPACE = '@posthorn/node-red-mqtt/mqtt-connection';

/** What `RED._` does: the text of a key, in the language of the editor. */
export type Translate = (key: string, values?: Readonly<Record<string, string | number>>) => string;

/** The last part of an id: the code of what is not known by itself. */
interface OtherFailure {
  /** Where its texts are, such as `network.other`. */
  readonly id: string;
  readonly code: string;
}

/** The texts of a failure in the language of the editor. An id that is not known has the texts of its kind, with its code. */
export function failureText(id: string, translate: Translate): FailureText {
  const known = translated(id, translate, {});
  if (known.short !== '') return known;
  const other = otherOf(id);
  return translated(other.id, translate, { code: other.code });
}

/** As {@link failureText}, of a catalogue. */
export function failureTextIn(catalogue: Catalogue, id: string): FailureText | undefined {
  const known = catalogue.get(id);
  if (known !== undefined) return known;
  const { id: other, code } = otherOf(id);
  const text = catalogue.get(other);
  return (
    text && {
      short: fill(text.short, { code }),
      means: fill(text.means, { code }),
      doThis: fill(text.doThis, { code }),
    }
  );
}

/** The key of one of its texts. */
export function keyOf(id: string, part: keyof FailureText): string {
  return `${NAMESPACE}:failure.${id}.${part}`;
}

export function otherOf(id: string): OtherFailure {
  const dot = id.indexOf('.');
  return { id: `${id.slice(0, dot)}.${OTHER}`, code: id.slice(dot + 1) };
}

function translated(id: string, translate: Translate, values: Readonly<Record<string, string>>): FailureText {
  // An empty text where there is none: without it the editor answers with the key.
  const text = (part: keyof FailureText): string => translate(keyOf(id, part), { ...values, defaultValue: '' });
  return { short: text('short'), means: text('means'), doThis: text('doThis') };
}
