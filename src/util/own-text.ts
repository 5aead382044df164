/**
 * The same text, which keeps nothing else alive: what V8 cuts out of a text refers to all of that, however long it is;
 * what it cuts out of one that it has just put together, to that alone.
 */
export function ownText(text: string): string {
  return ` ${text}`.slice(1);
}
