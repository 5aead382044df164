import { isUtf8 } from 'node:buffer';
import { shownText } from '../../src/index.ts';
import type { KeptValue } from './kept-value.ts';

/** Characters of a label, and bytes of a value, in a row. */
const LONGEST_LABEL = 200;
const LONGEST_TEXT = 120;
const LONGEST_HEX = 24;

/** Bytes of a character that a cut may leave at the end. */
const CUT_CHARACTER = 3;

/** A level, or a topic, on one line. */
export function shownLabel(label: string): string {
  const shown = shownText(label.slice(0, LONGEST_LABEL));
  return label.length > LONGEST_LABEL ? `${shown}…` : shown;
}

/** A value on one line: as text, or as bytes in hexadecimal where it is none. */
export function shownValue({ bytes, size }: KeptValue): string {
  const head = bytes.subarray(0, LONGEST_TEXT);
  const text = head.length < size ? withoutCutCharacter(head) : head;
  if (text !== undefined && isUtf8(text)) return shownText(text.toString()) + (text.length < size ? '…' : '');
  return `0x${bytes.toString('hex', 0, LONGEST_HEX)}${size > LONGEST_HEX ? '…' : ''}`;
}

/** Text that was cut in the middle of a character; undefined: it is no text. */
function withoutCutCharacter(head: Buffer): Buffer | undefined {
  for (let cut = 0; cut <= Math.min(CUT_CHARACTER, head.length); cut++) {
    const rest = head.subarray(0, head.length - cut);
    if (isUtf8(rest)) return rest;
  }
  return undefined;
}
