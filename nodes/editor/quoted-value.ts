const LONGEST = 60;
const CONTROL_CHARACTERS = /\p{Cc}/gu;

/**
 * A value as a sentence may quote it. The editor puts some sentences into the page as HTML, and values come from
 * whatever flow was imported: so angle brackets become the harmless ‹ ›, control characters become visible, and what
 * is long is cut.
 */
export function quotedValue(value: string | number): string | number {
  if (typeof value === 'number') return value;
  const visible = value.replace(CONTROL_CHARACTERS, codeOf);
  const harmless = visible.replaceAll('<', '‹').replaceAll('>', '›').replaceAll('&', '＆');
  return harmless.length > LONGEST ? `${harmless.slice(0, LONGEST)}…` : harmless;
}

function codeOf(character: string): string {
  return `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}
