/** How a person wants to see a value. */
export type PayloadForm = 'text' | 'json' | 'hex';

/** Characters that are shown, and levels of JSON: what is nested deeper would take longer than anybody waits. */
const MOST_CHARACTERS = 65_536;
const DEEPEST_JSON = 100;

/** Bytes in hexadecimal. */
const MOST_HEX = 4096;
const HEX_LINE = 16;

/** The bytes of a value that came in Base64. */
export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Whether it is text: what was cut may end in the middle of a character. */
export function isText(bytes: Uint8Array, isCut: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut });
    return true;
  } catch {
    return false;
  }
}

/** Which form a value has by itself. */
export function naturalForm(bytes: Uint8Array, isCut: boolean): PayloadForm {
  if (!isText(bytes, isCut)) return 'hex';
  const first = String.fromCharCode(bytes[0] ?? 0);
  return (first === '{' || first === '[') && shownPayload(bytes, 'json', isCut) !== undefined ? 'json' : 'text';
}

/** The value in a form; undefined: it has none. */
export function shownPayload(bytes: Uint8Array, form: PayloadForm, isCut: boolean): string | undefined {
  switch (form) {
    case 'text':
      return new TextDecoder().decode(bytes).slice(0, MOST_CHARACTERS);
    case 'json':
      return isCut ? undefined : jsonOf(new TextDecoder().decode(bytes));
    case 'hex':
      return hexOf(bytes);
  }
}

/** It is written as it was read: no property of it becomes one of something else. */
function jsonOf(text: string): string | undefined {
  if (depthOf(text) > DEEPEST_JSON) return undefined;
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2).slice(0, MOST_CHARACTERS);
  } catch {
    return undefined;
  }
}

/** At most what it may be: brackets in texts count too. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const character of text) {
    if (character === '{' || character === '[') deepest = Math.max(deepest, ++depth);
    else if (character === '}' || character === ']') depth -= 1;
  }
  return deepest;
}

/** In lines, with what is text beside it. */
function hexOf(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let start = 0; start < Math.min(bytes.length, MOST_HEX); start += HEX_LINE) {
    const some = [...bytes.subarray(start, start + HEX_LINE)];
    const hex = some.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = some.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${start.toString(16).padStart(4, '0')}  ${hex.padEnd(HEX_LINE * 3)} ${text}`);
  }
  return lines.join('\n');
}
