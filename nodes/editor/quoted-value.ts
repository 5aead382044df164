const LONGEST = 60;
/** Control characters, and those that turn the direction of the text around them. */
const UNSEEN = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * A value as a sentence may quote it. The editor puts some sentences into the page as HTML, and values come from
 * whatever flow was imported: so angle brackets become the harmless ‹ ›, what is not seen becomes visible, and what
 * is long is cut.
 */
export function quotedValue(value: string | number): string | number {
  if (typeof value === 'number') return value;
  const visible = value.replace(UNSEEN, codeOf);
  const harmless = visible.replaceAll('<', '‹').replaceAll('>', '›').replaceAll('&', '＆');
  return harmless.length > LONGEST ? `${harmless.slice(0, LONGEST)}…` : harmless;
}

function codeOf(character: string): string {
  return `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}
