import type { Mark } from './evidence.ts';

/** A message that its flow was told has failed, and why. */
export interface Failure extends Mark {
  readonly why: string;
}

/** What Node-RED wrote down of one stream, over all its processes. */
export interface Page {
  /** An mqtt-out took it. */
  readonly accepted: Mark[];
  readonly done: Mark[];
  readonly failed: Failure[];
  /** It came to the node behind the mqtt-in. */
  readonly received: Mark[];
}

export interface Ledger {
  readonly pages: ReadonlyMap<string, Page>;
  /** How many processes wrote it. */
  readonly lives: number;
}

export const EMPTY_PAGE: Page = { accepted: [], done: [], failed: [], received: [] };

const LINE = /^(life|accepted|done|failed|received) (\S+) (\d+) (\d+) (.*)$/;

/**
 * Reads what nodes/chaos-witness.js writes.
 *
 * @throws Error where a line says nothing, unless it is the last of a process: a kill may have come within it.
 */
export function readLedger(text: string): Ledger {
  const pages = new Map<string, Page>();
  const lines = text.split('\n');
  let lives = 0;
  for (const [index, line] of lines.entries()) {
    const [, kind, stream = '', number, at, rest = ''] = LINE.exec(line) ?? [];
    if (kind === 'life') lives += 1;
    else if (kind !== undefined) write(pageOf(pages, stream), kind, { number: Number(number), at: Number(at) }, rest);
    else if (line !== '' && !isLast(lines, index))
      throw new Error(`line ${index + 1} of the ledger says nothing: ${line}`);
  }
  return { pages, lives };
}

function isLast(lines: readonly string[], index: number): boolean {
  return lines[index + 1] === undefined || lines[index + 1]?.startsWith('life ') === true;
}

function pageOf(pages: Map<string, Page>, stream: string): Page {
  const page = pages.get(stream) ?? { accepted: [], done: [], failed: [], received: [] };
  pages.set(stream, page);
  return page;
}

function write(page: Page, kind: string, mark: Mark, rest: string): void {
  if (kind === 'accepted') page.accepted.push(mark);
  else if (kind === 'done') page.done.push(mark);
  else if (kind === 'failed') page.failed.push({ ...mark, why: String(JSON.parse(rest)) });
  else page.received.push(mark);
}
