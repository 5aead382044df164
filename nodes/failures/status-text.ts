import { fill, type StatusWords } from './catalogue.ts';
import { ENGLISH, ENGLISH_TEXTS, englishOf } from './english.ts';
import { keyOf, NAMESPACE, type Translate } from './failure-text.ts';

/**
 * What stands under a node. A text without numbers is the key of one, which the editor translates by itself, as it does
 * with those of Node-RED's own nodes. It takes no numbers: a text that has some, or a code that nobody foresaw, is English,
 * and the dialogs' script makes it the editor's language before it is shown (docs/adr/0028).
 */

/** Node-RED's own texts. */
const COMMON = 'node-red:common.status.';
const COMMON_WORDS = ['connected', 'connecting', 'disconnected'] as const;

const SEPARATOR = ', ';

export function commonStatus(words: (typeof COMMON_WORDS)[number]): string {
  return `${COMMON}${words}`;
}

export function statusText(words: StatusWords): string {
  return `${NAMESPACE}:status.${words}`;
}

/** The short text of a failure. */
export function failureStatus(id: string): string {
  return ENGLISH.has(id) ? keyOf(id, 'short') : englishOf(id).short;
}

/** A part of a text that has numbers. */
export function statusPart(words: StatusWords, values: Readonly<Record<string, string | number>>): string {
  return fill(ENGLISH_TEXTS.status[words], values);
}

/** Several of them in one. */
export function joinedStatus(...texts: readonly string[]): string {
  return texts.map(inEnglish).join(SEPARATOR);
}

/** What a person reads where nobody translates. */
export function inEnglish(text: string): string {
  return known().english.get(text) ?? text;
}

/** A text with numbers in the language of the editor; one that is not ours as it is. */
export function translatedStatus(text: string, translate: Translate): string {
  return phrases(text.split(SEPARATOR), translate)?.join(SEPARATOR) ?? text;
}

/** The longest beginning that is known, and so on: a text may have a comma itself. */
function phrases(pieces: readonly string[], translate: Translate): string[] | undefined {
  for (let count = pieces.length; count > 0; count--) {
    const first = phrase(pieces.slice(0, count).join(SEPARATOR), translate);
    if (first === undefined) continue;
    const rest = count === pieces.length ? [] : phrases(pieces.slice(count), translate);
    return rest && [first, ...rest];
  }
  return undefined;
}

function phrase(text: string, translate: Translate): string | undefined {
  const { keys, patterns } = known();
  const key = keys.get(text);
  if (key !== undefined) return translate(key);
  for (const { pattern, key: ofPattern } of patterns) {
    const values = pattern.exec(text)?.groups;
    if (values !== undefined) return translate(ofPattern, values);
  }
  return undefined;
}

interface Known {
  /** English texts by their keys. */
  readonly english: ReadonlyMap<string, string>;
  /** Keys by their English texts. */
  readonly keys: ReadonlyMap<string, string>;
  /** The same of texts with placeholders. */
  readonly patterns: readonly { readonly pattern: RegExp; readonly key: string }[];
}

let cached: Known | undefined;

function known(): Known {
  return (cached ??= all());
}

function all(): Known {
  const rows = [
    ...COMMON_WORDS.map((words) => [commonStatus(words), words] as const),
    ...Object.entries(ENGLISH_TEXTS.status).map(([words, text]) => [statusText(words as StatusWords), text] as const),
    ...[...ENGLISH].map(([id, { short }]) => [keyOf(id, 'short'), short] as const),
  ];
  return {
    english: new Map(rows),
    keys: new Map(rows.map(([key, text]) => [text, key])),
    patterns: rows.flatMap(([key, text]) => (text.includes('__') ? [{ key, pattern: patternOf(text) }] : [])),
  };
}

const VALUES: Readonly<Record<string, string>> = {
  age: String.raw`\d+ (?:s|min|h|d)`,
  count: String.raw`\d+`,
  code: String.raw`[\w/]+`,
};

function patternOf(text: string): RegExp {
  const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replace(/__([a-z]+)__/g, (_, name: string) => `(?<${name}>${VALUES[name]})`)}$`);
}
