/**
 * What a terminal or a log reader would obey instead of showing: control characters (line breaks and escapes), what
 * turns the direction of the text around it, and the line and paragraph separators of Unicode.
 */
const UNSEEN = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

const NAMED: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** A text from outside as a person may read it: on one line, with every unseen character as its escape, as in `\u001b`. */
export function shownText(text: string): string {
  return text.replace(UNSEEN, (character) => NAMED.get(character) ?? escaped(character));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
